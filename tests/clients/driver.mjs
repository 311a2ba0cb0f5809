// Makes calls with the Node SDKs: reads one JSON step a line, answers one JSON outcome a line.
//
//   {"sdk": "portkey" | "openai", "options": {...}, "method": "prompts.create", "args": [...]}
//   {"value", "headers"} | {"chunks"}, each with "error": {"kind", "status", "message"} when something was thrown
//
// {"$file": name, "content": text} among a step's fields is a file; an answer that is no JSON is given as its text.

import { createInterface } from "node:readline";
import OpenAI, { toFile } from "openai";
import { Portkey } from "portkey-ai";

const clients = { openai: OpenAI, portkey: Portkey };

// What the SDKs print beside throwing it would end up between the outcomes.
console.log = console.error;

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await outcome(JSON.parse(line)))}\n`);
}

async function outcome({ sdk, options, method, args }) {
  const chunks = [];
  try {
    const client = new clients[sdk](options);
    const path = method.split(".");
    const name = path.pop();
    const owner = path.reduce((object, part) => object[part], client);
    const answer = await owner[name](...(await Promise.all(args.map(withFiles))));
    if (!answer?.[Symbol.asyncIterator]) {
      return await whole(answer);
    }
    for await (const chunk of answer) {
      chunks.push(chunk);
    }
    return { chunks };
  } catch (error) {
    return { chunks, error: failure(error) };
  }
}

async function withFiles(fields) {
  if (fields === null || typeof fields !== "object") {
    return fields;
  }
  const revived = Object.entries(fields).map(async ([name, value]) =>
    value?.$file ? [name, await toFile(Buffer.from(value.content), value.$file)] : [name, value],
  );
  return Object.fromEntries(await Promise.all(revived));
}

async function whole(answer) {
  if (answer instanceof Response) {
    return { value: { url: answer.url, text: await answer.text() }, headers: {} };
  }
  const headers = answer?.getHeaders?.() ?? {};
  return { value: answer, headers };
}

function failure(error) {
  const headers = { ...error.headers };
  return { kind: error.constructor.name, status: error.status ?? null, message: error.message, headers };
}

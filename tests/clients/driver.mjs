// Makes calls with the Node SDKs: reads one JSON step a line, answers one JSON outcome a line.
//
//   {"sdk": "portkey" | "openai", "options": {...}, "method": "prompts.create", "args": [...]}
//   {"value", "headers"} | {"chunks"}, each with "error": {"kind", "status", "message"} when something was thrown

import { createInterface } from "node:readline";
import OpenAI from "openai";
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
    const answer = await owner[name](...args);
    if (!answer?.[Symbol.asyncIterator]) {
      return whole(answer);
    }
    for await (const chunk of answer) {
      chunks.push(chunk);
    }
    return { chunks };
  } catch (error) {
    return { chunks, error: failure(error) };
  }
}

function whole(answer) {
  const headers = answer?.getHeaders?.() ?? {};
  return { value: answer, headers };
}

function failure(error) {
  const headers = { ...error.headers };
  return { kind: error.constructor.name, status: error.status ?? null, message: error.message, headers };
}

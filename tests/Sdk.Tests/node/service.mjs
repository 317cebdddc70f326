// What the suites share: the client of the running service, the samples, a small but real job.
import { createReadStream, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import OpenAI, { toFile } from 'openai';

export const service = process.env.SERVICE_URL;
export const samples = process.env.SAMPLES_FOLDER;
export const model = 'demo-model';

export const client = (baseURL = `${service}/v1`, options = {}) => new OpenAI({ baseURL, apiKey: process.env.SERVICE_KEY, ...options });

/** Of another owner, with a key that may only read. */
export const reader = () => client(undefined, { apiKey: process.env.READER_KEY });

export const upload = (name) =>
  client().files.create({ file: createReadStream(join(samples, name)), purpose: 'fine-tune' });

/** The pairs of a sample as chat rows: each prompt with its preferred answer. */
export async function uploadConversations(name) {
  const rows = readFileSync(join(samples, name), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const text = rows.map((row) => `${JSON.stringify({ messages: [...row.input.messages, ...row.preferred_output] })}\n`).join('');
  return client().files.create({ file: await toFile(Buffer.from(text), 'conversations.jsonl'), purpose: 'fine-tune' });
}

/** Twelve steps with a checkpoint after each. */
export const createJob = (training_file, more = {}) =>
  client().fineTuning.jobs.create({
    model,
    training_file,
    method: {
      type: 'dpo',
      dpo: {
        hyperparameters: {
          beta: 0.3, batch_size: 4, max_steps: 12, learning_rate: 1e-3, max_length: 128,
          logging_steps: 1, eval_strategy: 'no', save_strategy: 'steps', save_steps: 1, dtype: 'float32',
        },
      },
    },
    ...more,
  });

/** Polls until a job has ended. */
export async function ended(id) {
  for (;;) {
    const job = await client().fineTuning.jobs.retrieve(id);
    if (['succeeded', 'failed', 'cancelled'].includes(job.status)) return job;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

export async function all(pages) {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
}

/** Stands before the service, refuses the first requests as an overloaded one would, and counts all. */
export async function proxy({ status = 503, refusals = 0, retryAfter = 0 } = {}) {
  const state = { requests: 0 };
  const server = createServer(async (request, response) => {
    if (++state.requests <= refusals) {
      response.writeHead(status, { 'retry-after': `${retryAfter}` }).end();
      return;
    }
    const body = ['GET', 'HEAD'].includes(request.method) ? undefined : Readable.toWeb(request);
    const headers = Object.fromEntries(['content-type', 'authorization'].filter((h) => request.headers[h]).map((h) => [h, request.headers[h]]));
    const answer = await fetch(service + request.url, { method: request.method, body, duplex: 'half', headers });
    response.writeHead(answer.status, Object.fromEntries(['content-type', 'x-should-retry', 'x-request-id'].filter((h) => answer.headers.has(h)).map((h) => [h, answer.headers.get(h)])));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${server.address().port}/v1`;
  state.close = () => server.close();
  return state;
}

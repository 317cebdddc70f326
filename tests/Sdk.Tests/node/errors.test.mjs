// What goes wrong reaches callers of the SDK as its error types, and what may be tried again is.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI, { toFile } from 'openai';
import { all, client, createJob, ended, model, proxy, reader, upload } from './service.mjs';

const openai = client();

test('unknown things are NotFoundError', async () => {
  await assert.rejects(openai.files.retrieve('file-nobody'), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.status, 404);
    assert.equal(error.type, 'invalid_request_error');
    assert.equal(error.param, 'id');
    assert.match(error.message, /No such File object: file-nobody/);
    assert.ok(error.requestID);
    return true;
  });
  await assert.rejects(openai.files.content('file-nobody'), OpenAI.NotFoundError);
  await assert.rejects(openai.files.delete('file-nobody'), OpenAI.NotFoundError);
  await assert.rejects(openai.fineTuning.jobs.retrieve('ftjob-nobody'), OpenAI.NotFoundError);
  await assert.rejects(openai.models.retrieve('nobody/nothing'), OpenAI.NotFoundError);
  await assert.rejects(openai.chat.completions.create({ model: 'nobody', messages: [{ role: 'user', content: 'Hello' }] }), OpenAI.NotFoundError);
});

test('what is another owner\'s is NotFoundError, and a key that only reads gets PermissionDeniedError', async () => {
  const training = await upload('concise-train.jsonl');
  assert.ok((await all(openai.files.list())).some((f) => f.id === training.id));
  assert.ok(!(await all(reader().files.list())).some((f) => f.id === training.id));
  await assert.rejects(reader().files.retrieve(training.id), OpenAI.NotFoundError);
  await assert.rejects(reader().files.delete(training.id), OpenAI.PermissionDeniedError);
});

test('wrong requests are BadRequestError', async () => {
  const rows = await toFile(Buffer.from('{"prompt": "Hello"}\n'), 'rows.jsonl');
  await assert.rejects(openai.files.create({ file: rows, purpose: 'fine-tune' }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, 'invalid_file');
    assert.match(error.message, /rows\.jsonl was not stored/);
    return true;
  });
  const training = await upload('concise-train.jsonl');
  await assert.rejects(openai.fineTuning.jobs.create({ model, training_file: training.id }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'method');
    assert.match(error.message, /Add "method": {"type": "dpo"}/);
    return true;
  });
  await assert.rejects(createJob(training.id, { method: { type: 'dpo', dpo: { hyperparameters: { beta: 3 } } } }), /beta is 3/);
});

test('a permanent conflict is ConflictError and sent once', async () => {
  const training = await upload('concise-train.jsonl');
  const { id } = await createJob(training.id);
  await openai.fineTuning.jobs.cancel(id);
  await ended(id);
  const between = await proxy();
  await assert.rejects(client(between.url).fineTuning.jobs.pause(id), OpenAI.ConflictError);
  assert.equal(between.requests, 1);
  between.close();
});

for (const status of [503, 429])
  test(`${status} is tried again after the seconds it asks for`, async () => {
    const between = await proxy({ status, refusals: 2, retryAfter: 2 });
    const began = performance.now();
    assert.ok((await client(between.url).models.list()).data.length > 0);
    assert.equal(between.requests, 3);
    assert.ok(performance.now() - began >= 3900);
    between.close();
  });

test('an error that stays is told after the last try', async () => {
  const between = await proxy({ status: 503, refusals: 9 });
  await assert.rejects(client(between.url, { maxRetries: 1 }).models.list(), OpenAI.InternalServerError);
  assert.equal(between.requests, 2);
  between.close();
});

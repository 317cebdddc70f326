// OpenAI's own SDK for Node does the whole main job, with nothing but another base URL.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import OpenAI, { toFile } from 'openai';
import { all, client, createJob, ended, model, samples, upload, uploadConversations } from './service.mjs';

const openai = client();

test('main job', async (t) => {
  const training = await upload('concise-train.jsonl');
  const validation = await upload('concise-validation.jsonl');
  let job;

  await t.test('uploaded files are listed and hold what was sent', async () => {
    assert.equal(training.purpose, 'fine-tune');
    assert.equal(training.status, 'processed');
    const bytes = readFileSync(join(samples, 'concise-train.jsonl'));
    assert.equal(training.bytes, bytes.length);
    assert.deepEqual(Buffer.from(await (await openai.files.content(training.id)).arrayBuffer()), bytes);
    const listed = await all(openai.files.list({ purpose: 'fine-tune', limit: 1 }));
    assert.ok(listed.length >= 2);
    assert.equal(new Set(listed.map((f) => f.id)).size, listed.length);
    assert.ok(listed.some((f) => f.id === training.id));
  });

  await t.test('a dpo job is created, and its files are kept while it needs them', async () => {
    job = await createJob(training.id, { validation_file: validation.id, suffix: 'node', seed: 7, metadata: { from: 'node' } });
    assert.equal(job.object, 'fine_tuning.job');
    assert.equal(job.method.type, 'dpo');
    assert.equal(job.method.dpo.hyperparameters.beta, 0.3);
    assert.deepEqual(job.metadata, { from: 'node' });
    await assert.rejects(openai.files.delete(training.id), OpenAI.ConflictError);
  });

  await t.test('it is found by its metadata', async () => {
    const found = await all(openai.fineTuning.jobs.list({ metadata: { from: 'node' } }));
    assert.deepEqual(found.map((j) => j.id), [job.id]);
  });

  await t.test('it succeeds', async () => {
    job = await ended(job.id);
    assert.equal(job.status, 'succeeded', job.error?.message);
    assert.match(job.fine_tuned_model, /^ft:demo-model:local:node:/);
    assert.ok(job.trained_tokens > 0);
    assert.ok(job.finished_at >= job.created_at);
  });

  await t.test('checkpoints come over three pages', async () => {
    const checkpoints = await all(openai.fineTuning.jobs.checkpoints.list(job.id, { limit: 5 }));
    assert.deepEqual(checkpoints.map((c) => c.step_number), [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert.ok(checkpoints.every((c) => c.metrics.train_loss > 0));
  });

  await t.test('events come over several pages, each once', async () => {
    const events = await all(openai.fineTuning.jobs.listEvents(job.id, { limit: 7 }));
    assert.ok(events.length > 24);
    assert.equal(new Set(events.map((e) => e.id)).size, events.length);
    assert.equal(events.filter((e) => e.type === 'metrics').length, 12);
    assert.match(events[0].message, /succeeded/);
  });

  await t.test('result files hold the adapter and the metrics', async () => {
    const results = await Promise.all(job.result_files.map((id) => openai.files.retrieve(id)));
    assert.ok(results.every((f) => f.purpose === 'fine-tune-results'));
    const adapter = results.find((f) => f.filename.endsWith('.zip'));
    const bytes = Buffer.from(await (await openai.files.content(adapter.id)).arrayBuffer());
    assert.equal(bytes.length, adapter.bytes);
    assert.equal(bytes.toString('latin1', 0, 2), 'PK');
  });

  await t.test('the tuned model is listed and answers, streamed and not', async () => {
    const models = await all(openai.models.list());
    for (const name of [model, job.fine_tuned_model]) assert.ok(models.some((m) => m.id === name));
    assert.equal((await openai.models.retrieve(job.fine_tuned_model)).id, job.fine_tuned_model);
    for (const name of [job.fine_tuned_model, `${job.fine_tuned_model}:ckpt-step-6`]) {
      const request = { model: name, messages: [{ role: 'user', content: 'Which sound does the owl make?' }], temperature: 0, max_tokens: 32 };
      const whole = await openai.chat.completions.create(request);
      const text = whole.choices[0].message.content;
      assert.match(text, /owl/);
      assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens);
      let streamed = '', usage;
      for await (const chunk of await openai.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } })) {
        streamed += chunk.choices[0]?.delta.content ?? '';
        usage ??= chunk.usage;
      }
      assert.equal(streamed, text);
      assert.deepEqual(usage, whole.usage);
    }
    const scored = await openai.completions.create({ model: job.fine_tuned_model, prompt: 'The owl hoots.', max_tokens: 0, echo: true, logprobs: 1 });
    assert.equal(scored.choices[0].text, 'The owl hoots.');
    assert.ok(scored.choices[0].logprobs.token_logprobs.slice(1).every((p) => p < 0));
  });

  await t.test('a deleted model is gone', async () => {
    assert.deepEqual(await openai.models.delete(job.fine_tuned_model), { id: job.fine_tuned_model, deleted: true, object: 'model' });
    await assert.rejects(openai.models.retrieve(job.fine_tuned_model), OpenAI.NotFoundError);
    await assert.rejects(openai.models.delete(model), OpenAI.PermissionDeniedError);
  });

  await t.test('a deleted file is gone', async () => {
    assert.deepEqual(await openai.files.delete(training.id), { id: training.id, deleted: true, object: 'file' });
    await assert.rejects(openai.files.retrieve(training.id), OpenAI.NotFoundError);
  });
});

test('a supervised job trains on conversations, and a dpo job goes on from its model', async () => {
  const conversations = await uploadConversations('concise-train.jsonl');
  const hyperparameters = { n_epochs: 1, batch_size: 60, learning_rate_multiplier: 20 };
  const created = await openai.fineTuning.jobs.create({ model, training_file: conversations.id, suffix: 'taught', method: { type: 'supervised', supervised: { hyperparameters } } });
  assert.equal(created.method.supervised.hyperparameters.n_epochs, 1);
  const supervised = await ended(created.id);
  assert.equal(supervised.status, 'succeeded', supervised.error?.message);

  const pairs = await upload('concise-train.jsonl');
  const preferred = await ended((await createJob(pairs.id, { model: supervised.fine_tuned_model })).id);
  assert.equal(preferred.status, 'succeeded', preferred.error?.message);
  const answer = await openai.chat.completions.create({
    model: preferred.fine_tuned_model, messages: [{ role: 'user', content: 'Which sound does the owl make?' }], temperature: 0, max_tokens: 32,
  });
  assert.match(answer.choices[0].message.content, /owl/);
});

test('an upload is put together from parts', async () => {
  const bytes = readFileSync(join(samples, 'concise-validation.jsonl'));
  const request = { filename: 'parts.jsonl', purpose: 'fine-tune', bytes: bytes.length, mime_type: 'text/jsonl' };
  const { id } = await openai.uploads.create(request);
  const addPart = async (data) => (await openai.uploads.parts.create(id, { data: await toFile(data, 'part') })).id;
  const second = await addPart(bytes.subarray(1000));
  const first = await addPart(bytes.subarray(0, 1000));
  const completed = await openai.uploads.complete(id, { part_ids: [first, second], md5: createHash('md5').update(bytes).digest('hex') });
  assert.equal(completed.status, 'completed');
  assert.deepEqual(Buffer.from(await (await openai.files.content(completed.file.id)).arrayBuffer()), bytes);

  const given = await openai.uploads.create(request);
  assert.equal((await openai.uploads.cancel(given.id)).status, 'cancelled');
  await assert.rejects(openai.uploads.complete(given.id, { part_ids: [first] }), OpenAI.APIError);
});

test('a job is paused, resumed and cancelled, and jobs come over pages', async () => {
  const training = await upload('concise-train.jsonl');
  const created = [];
  // Long enough that none ends before it is cancelled, on the slowest machine too.
  const endless = { type: 'dpo', dpo: { hyperparameters: { max_steps: 100000 } } };
  for (let i = 0; i < 3; i++) created.push((await createJob(training.id, { metadata: { paged: 'node' }, method: endless })).id);
  const last = created[2];
  await openai.fineTuning.jobs.pause(last);
  let job;
  do {
    await new Promise((resolve) => setTimeout(resolve, 50));
    job = await openai.fineTuning.jobs.retrieve(last);
  } while (!['paused', 'succeeded', 'failed'].includes(job.status));
  assert.equal(job.status, 'paused');
  assert.notEqual((await openai.fineTuning.jobs.resume(last)).status, 'paused');
  for (const id of created) await openai.fineTuning.jobs.cancel(id);
  for (const id of created) assert.equal((await ended(id)).status, 'cancelled');
  const listed = await all(openai.fineTuning.jobs.list({ limit: 1, metadata: { paged: 'node' } }));
  assert.deepEqual(listed.map((j) => j.id), created.toReversed());
});

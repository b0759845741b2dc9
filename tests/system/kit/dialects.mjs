// SPDX-License-Identifier: MIT
// The four dialects as a client without an SDK speaks them: paths, smallest bodies, credentials, texts.

export const dialects = {
  anthropic: {
    name: 'anthropic',
    type: 'anthropic', // in config.json
    model: 'm-claude',
    path: () => '/v1/messages',
    body: ({ model, stream, text }) => ({
      model, max_tokens: 256, ...(stream && { stream: true }), messages: [{ role: 'user', content: text }],
    }),
    credential: (key) => ({ 'x-api-key': key }),
    headers: { 'anthropic-version': '2023-06-01' },
    textOf: (data) => (data.type === 'content_block_delta' ? data.delta.text : undefined),
    isEnd: (data) => data.type === 'message_stop',
    isError: (event) => event.event === 'error' && JSON.parse(event.data).type === 'error',
    errorOf: (json) => ({ type: json.error.type, message: json.error.message }),
  },
  chat: {
    name: 'chat',
    type: 'common',
    model: 'm-chat',
    path: () => '/v1/chat/completions',
    body: ({ model, stream, text }) => ({
      model, ...(stream && { stream: true }), messages: [{ role: 'user', content: text }],
    }),
    credential: (key) => ({ authorization: `Bearer ${key}` }),
    headers: {},
    textOf: (data) => data.choices?.[0]?.delta?.content,
    isEnd: (data) => Boolean(data.choices?.[0]?.finish_reason),
    isError: (event) => event.data !== '[DONE]' && JSON.parse(event.data).error !== undefined,
    errorOf: (json) => ({ type: json.error.type, message: json.error.message, code: json.error.code }),
  },
  responses: {
    name: 'responses',
    type: 'openai',
    model: 'm-gpt',
    path: () => '/v1/responses',
    body: ({ model, stream, text }) => ({ model, ...(stream && { stream: true }), input: text }),
    credential: (key) => ({ authorization: `Bearer ${key}` }),
    headers: {},
    textOf: (data) => (data.type === 'response.output_text.delta' ? data.delta : undefined),
    isEnd: (data) => data.type === 'response.completed',
    isError: (event) => ['error', 'response.failed'].includes(JSON.parse(event.data).type),
    errorOf: (json) => ({ type: json.error.type, message: json.error.message, code: json.error.code }),
  },
  gemini: {
    name: 'gemini',
    type: 'google',
    model: 'm-gemini',
    path: ({ model, stream }) =>
      `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: ({ text }) => ({ contents: [{ role: 'user', parts: [{ text }] }] }),
    credential: (key) => ({ 'x-goog-api-key': key }),
    headers: {},
    textOf: (data) => data.candidates?.[0]?.content?.parts?.[0]?.text,
    isEnd: (data) => Boolean(data.candidates?.[0]?.finishReason),
    isError: (event) => JSON.parse(event.data).error !== undefined,
    errorOf: (json) => ({ type: json.error.status, message: json.error.message, code: json.error.code }),
  },
};

export const dialectNames = Object.keys(dialects);

let n_keys = 0;
// A credential that nobody else uses; its directives tell the simulator what to do.
export function uniqueKey(directives = '') {
  const name = `key-${process.pid}-${++n_keys}`;
  return directives ? `${name}~${directives}` : name;
}

// What requestBytes() and call() take, for a request in this dialect. `body` (text or bytes) replaces the usual one.
export function modelRequest(name, { key, model, stream = false, text = 'Hello', body, headers = {}, ...rest } = {}) {
  const dialect = dialects[name];
  const wanted = { model: model ?? dialect.model, stream, text };
  return {
    method: 'POST',
    path: dialect.path(wanted),
    headers: {
      'content-type': 'application/json',
      ...dialect.headers,
      ...(key !== undefined && dialect.credential(key)),
      ...headers,
    },
    body: body ?? JSON.stringify(dialect.body(wanted)),
    ...rest,
  };
}

// The text that a stream's events have carried.
export function textOfEvents(name, events) {
  return events
    .filter((event) => event.data !== '[DONE]')
    .map((event) => dialects[name].textOf(JSON.parse(event.data)) ?? '')
    .join('');
}

// Does the stream carry its dialect's own end? An event that is no JSON carries nothing.
export function hasEnd(name, events) {
  return events.some(({ data }) => {
    try {
      return data !== '[DONE]' && dialects[name].isEnd(JSON.parse(data));
    } catch {
      return false;
    }
  });
}

// Ends with its dialect's error event, and does not look complete.
export function endsWithError(name, events) {
  const last = events.at(-1);
  return last !== undefined && dialects[name].isError(last) && !hasEnd(name, events);
}

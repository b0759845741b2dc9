// SPDX-License-Identifier: MIT
// The request bodies of the scenarios, one builder per dialect.

const SENTENCE =
  'The harbour was quiet; "not a sail", said the keeper, and wrote it down\tin the book.\nÜber dem Wasser lag Nebel. ';

function messagesOf(bytes) {
  const messages = [];
  for (let left = bytes; left > 0; left -= 16384) {
    const role = messages.length % 2 === 0 ? 'user' : 'assistant';
    messages.push({ role, content: SENTENCE.repeat(130).slice(0, Math.min(left, 16384)) });
  }
  if (messages.at(-1).role === 'assistant') messages.push({ role: 'user', content: 'Go on.' });
  return messages;
}

// Paths are functions of model and stream, since Gemini has both there.
export const DIALECTS = {
  chat: {
    path: () => '/v1/chat/completions',
    type: 'common',
    stampAfter: '"content":"',
    body: (model, stream, bytes) => ({
      model,
      messages: [{ role: 'system', content: 'You are a helpful assistant.' }, ...messagesOf(bytes)],
      temperature: 0.7,
      max_tokens: 1024,
      ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
  },
  messages: {
    path: () => '/v1/messages',
    type: 'anthropic',
    stampAfter: '"text":"',
    body: (model, stream, bytes) => ({
      model,
      max_tokens: 1024,
      system: 'You are a helpful assistant.',
      messages: messagesOf(bytes),
      ...(stream ? { stream: true } : {}),
    }),
  },
  responses: {
    path: () => '/v1/responses',
    type: 'openai',
    stampAfter: '"delta":"',
    body: (model, stream, bytes) => ({
      model,
      instructions: 'You are a helpful assistant.',
      input: messagesOf(bytes),
      ...(stream ? { stream: true } : {}),
    }),
  },
  gemini: {
    path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    type: 'google',
    stampAfter: '"text":"',
    body: (model, stream, bytes) => ({
      systemInstruction: { parts: [{ text: 'You are a helpful assistant.' }] },
      contents: messagesOf(bytes).map(({ role, content }) => ({
        role: role === 'user' ? 'user' : 'model',
        parts: [{ text: content }],
      })),
      generationConfig: { temperature: 0.7, maxOutputTokens: 1024 },
    }),
  },
};

// The dialect of a model's upstream.
export function dialectOfType(type) {
  return Object.values(DIALECTS).find((dialect) => dialect.type === type);
}

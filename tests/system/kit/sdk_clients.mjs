// SPDX-License-Identifier: MIT
// The official SDKs behind one face, so that a test can be written once and run with each of them. What is asked is
// plain (`ask` below); what comes back is plain too, and `native` keeps it as its SDK gave it, for the next turn.
//
//   ask    { system, content, tools, choice, think, schema, maxTokens, temperature, stop, stream, history, extra, signal }
//          content: a text, or parts { text } and { image: base64 }; tools: { name, description, schema }
//   reply  { text, thoughts, calls: [{ id, name, args }], finish: 'stop' | 'calls' | …, usage, warnings, native, events }
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';

const warningsOf = (headers) => (headers.get('x-droid2api-warnings') ?? '').split(',').filter(Boolean);
const partsOf = (content) => (typeof content === 'string' ? [{ text: content }] : content);
const defined = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

const openai = (url, key, options) => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0, ...options });
const openaiError = {
  class: OpenAI.APIError,
  400: [OpenAI.BadRequestError, 400], 401: [OpenAI.AuthenticationError, 401], 403: [OpenAI.PermissionDeniedError, 403],
  404: [OpenAI.NotFoundError, 404], 429: [OpenAI.RateLimitError, 429], 500: [OpenAI.InternalServerError, 500],
  529: [OpenAI.InternalServerError, 503],
};

// ---- Chat Completions

const chatParts = (content) => partsOf(content).map(({ text, image }) => (image
  ? { type: 'image_url', image_url: { url: `data:image/png;base64,${image}` } } : { type: 'text', text }));

function chatBody(model, ask) {
  const user = { role: 'user', content: typeof ask.content === 'string' ? ask.content : chatParts(ask.content ?? []) };
  return defined({
    model,
    messages: [...(ask.system ? [{ role: 'system', content: ask.system }] : []), ...(ask.history ?? [user])],
    max_completion_tokens: ask.maxTokens,
    temperature: ask.temperature,
    stop: ask.stop,
    tools: ask.tools?.map(({ name, description, schema }) =>
      ({ type: 'function', function: { name, description, parameters: schema } })),
    tool_choice: ask.choice,
    reasoning_effort: ask.think ? 'medium' : undefined,
    response_format: ask.schema && {
      type: 'json_schema', json_schema: { name: 'answer', schema: ask.schema, strict: true },
    },
    ...ask.extra,
  });
}

async function chatStream(sdk, body, ask) {
  const { data, response } = await sdk.chat.completions.create(
    { ...body, stream: true, stream_options: { include_usage: true } }, { signal: ask.signal }).withResponse();
  const runner = ChatCompletionStream.fromReadableStream(data.toReadableStream());
  const events = [];
  runner.on('chunk', (chunk) => events.push(chunk));
  const completion = await runner.finalChatCompletion();
  const deltas = events.map((chunk) => chunk.choices[0]?.delta ?? {});
  const message = structuredClone(completion.choices[0].message);
  delete message.parsed;
  // The SDK does not know these members, so it does not add them up.
  message.reasoning_content = deltas.map((delta) => delta.reasoning_content ?? '').join('') || undefined;
  message.reasoning_details = deltas.flatMap((delta) => delta.reasoning_details ?? []);
  if (message.reasoning_details.length === 0) {
    delete message.reasoning_details;
  }
  for (const call of message.tool_calls ?? []) {
    delete call.function.parsed_arguments;
  }
  const usage = events.findLast((chunk) => chunk.usage)?.usage;
  return { completion: { ...completion, usage, choices: [{ ...completion.choices[0], message }] }, response, events };
}

async function chatWhole(sdk, body, ask) {
  const { data, response } = await sdk.chat.completions.create(body, { signal: ask.signal }).withResponse();
  return { completion: data, response };
}

const chat = {
  name: 'chat',
  open: openai,
  error: openaiError,
  body: chatBody,
  async say(sdk, model, ask) {
    const body = chatBody(model, ask);
    const { completion, response, events } = await (ask.stream ? chatStream : chatWhole)(sdk, body, ask);
    const { message, finish_reason: finish } = completion.choices[0];
    const { usage } = completion;
    return {
      text: message.content ?? '',
      refusal: message.refusal ?? '',
      thoughts: message.reasoning_content ?? '',
      calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) =>
        ({ id, name, args: JSON.parse(args) })),
      finish: { tool_calls: 'calls' }[finish] ?? finish,
      usage: usage && {
        input: usage.prompt_tokens, output: usage.completion_tokens, cached: usage.prompt_tokens_details?.cached_tokens,
        reasoning: usage.completion_tokens_details?.reasoning_tokens,
      },
      warnings: warningsOf(response.headers), history: body.messages.filter(({ role }) => role !== 'system'),
      native: message, events,
    };
  },
  goOn: (reply, results) => [
    ...reply.history, reply.native,
    ...results.map(({ id, text }) => ({ role: 'tool', tool_call_id: id, content: text })),
  ],
  async *events(sdk, model, ask) {
    yield* await sdk.chat.completions.create({ ...chatBody(model, ask), stream: true }, { signal: ask.signal });
  },
  isEnd: (event) => Boolean(event.choices[0]?.finish_reason),
};

// ---- Responses

const responsesParts = (content) => partsOf(content).map(({ text, image }) => (image
  ? { type: 'input_image', image_url: `data:image/png;base64,${image}`, detail: 'auto' } : { type: 'input_text', text }));

function responsesBody(model, ask) {
  const user = {
    role: 'user', content: typeof ask.content === 'string' ? ask.content : responsesParts(ask.content ?? []),
  };
  return defined({
    model,
    store: false,
    instructions: ask.system,
    input: ask.history ?? [user],
    max_output_tokens: ask.maxTokens,
    temperature: ask.temperature,
    tools: ask.tools?.map(({ name, description, schema }) =>
      ({ type: 'function', name, description, parameters: schema, strict: false })),
    tool_choice: ask.choice,
    reasoning: ask.think ? { effort: 'medium', summary: 'auto' } : undefined,
    include: ask.think ? ['reasoning.encrypted_content'] : undefined,
    text: ask.schema && { format: { type: 'json_schema', name: 'answer', schema: ask.schema, strict: true } },
    ...ask.extra,
  });
}

async function responsesStream(sdk, body, ask) {
  const { data, response } = await sdk.responses.create({ ...body, stream: true }, { signal: ask.signal }).withResponse();
  const events = [];
  for await (const event of data) {
    events.push(event);
    if (event.type === 'error' || event.type === 'response.failed') {
      throw new OpenAI.APIError(undefined, event, event.message ?? event.response?.error?.message, response.headers);
    }
  }
  return { answer: events.at(-1).response, response, events };
}

async function responsesWhole(sdk, body, ask) {
  const { data, response } = await sdk.responses.create(body, { signal: ask.signal }).withResponse();
  return { answer: data, response };
}

const responses = {
  name: 'responses',
  open: openai,
  error: openaiError,
  body: responsesBody,
  async say(sdk, model, ask) {
    const body = responsesBody(model, ask);
    const { answer, response, events } = await (ask.stream ? responsesStream : responsesWhole)(sdk, body, ask);
    const items = (type) => answer.output.filter((item) => item.type === type);
    const parts = items('message').flatMap(({ content }) => content);
    const calls = items('function_call').map((item) =>
      ({ id: item.call_id, name: item.name, args: JSON.parse(item.arguments) }));
    const { usage } = answer;
    return {
      text: parts.map(({ text }) => text ?? '').join(''),
      refusal: parts.map(({ refusal }) => refusal ?? '').join(''),
      thoughts: items('reasoning').flatMap(({ summary, content }) => [...summary, ...(content ?? [])])
        .map(({ text }) => text).join(''),
      calls,
      finish: answer.status !== 'completed' ? answer.incomplete_details?.reason : calls.length > 0 ? 'calls' : 'stop',
      usage: usage && {
        input: usage.input_tokens, output: usage.output_tokens, cached: usage.input_tokens_details.cached_tokens,
        reasoning: usage.output_tokens_details.reasoning_tokens,
      },
      warnings: warningsOf(response.headers), history: body.input, native: answer.output, events,
    };
  },
  goOn: (reply, results) => [
    ...reply.history, ...reply.native,
    ...results.map(({ id, text }) => ({ type: 'function_call_output', call_id: id, output: text })),
  ],
  async *events(sdk, model, ask) {
    for await (const event of await sdk.responses.create(
      { ...responsesBody(model, ask), stream: true }, { signal: ask.signal })) {
      yield event;
      // The SDK raises what has an `error` at the top; that the answer failed is an event like any other to it.
      if (event.type === 'error' || event.type === 'response.failed') {
        throw new OpenAI.APIError(undefined, event, 'failed', undefined);
      }
    }
  },
  isEnd: ({ type }) => ['response.completed', 'response.incomplete'].includes(type),
  count: async (sdk, model, ask) => {
    const { model: name, input, instructions, tools } = responsesBody(model, ask);
    const { data, response } = await sdk.responses.inputTokens.count(
      defined({ model: name, input, instructions, tools })).withResponse();
    return { n: data.input_tokens, warnings: warningsOf(response.headers) };
  },
};

// ---- Messages

const anthropicParts = (content) => partsOf(content).map(({ text, image }) => (image
  ? { type: 'image', source: { type: 'base64', media_type: 'image/png', data: image } } : { type: 'text', text }));

function anthropicBody(model, ask) {
  const user = {
    role: 'user', content: typeof ask.content === 'string' ? ask.content : anthropicParts(ask.content ?? []),
  };
  return defined({
    model,
    max_tokens: ask.maxTokens ?? 4096,
    system: ask.system,
    messages: ask.history ?? [user],
    temperature: ask.temperature,
    stop_sequences: ask.stop,
    tools: ask.tools?.map(({ name, description, schema }) => ({ name, description, input_schema: schema })),
    tool_choice: ask.choice && { type: { required: 'any' }[ask.choice] ?? ask.choice },
    thinking: ask.think ? { type: 'enabled', budget_tokens: 2048 } : undefined,
    output_config: ask.schema && { format: { type: 'json_schema', schema: ask.schema } },
    ...ask.extra,
  });
}

async function anthropicStream(sdk, body, ask) {
  const stream = sdk.messages.stream(body, { signal: ask.signal });
  const events = [];
  stream.on('streamEvent', (event) => events.push(event));
  const { response } = await stream.withResponse();
  return { message: await stream.finalMessage(), response, events };
}

async function anthropicWhole(sdk, body, ask) {
  const { data, response } = await sdk.messages.create(body, { signal: ask.signal }).withResponse();
  return { message: data, response };
}

const anthropic = {
  name: 'anthropic',
  open: (url, key, options) => new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0, ...options }),
  error: {
    class: Anthropic.APIError,
    400: [Anthropic.BadRequestError, 400], 401: [Anthropic.AuthenticationError, 401],
    403: [Anthropic.PermissionDeniedError, 403], 404: [Anthropic.NotFoundError, 404],
    429: [Anthropic.RateLimitError, 429], 500: [Anthropic.InternalServerError, 500],
    529: [Anthropic.InternalServerError, 529],
  },
  body: anthropicBody,
  async say(sdk, model, ask) {
    const body = anthropicBody(model, ask);
    const { message, response, events } = await (ask.stream ? anthropicStream : anthropicWhole)(sdk, body, ask);
    const blocks = (type) => message.content.filter((block) => block.type === type);
    const { usage } = message;
    return {
      text: blocks('text').map(({ text }) => text).join(''),
      refusal: message.stop_details?.explanation ?? '',
      thoughts: blocks('thinking').map(({ thinking }) => thinking).join(''),
      calls: blocks('tool_use').map(({ id, name, input }) => ({ id, name, args: input })),
      finish: { end_turn: 'stop', tool_use: 'calls' }[message.stop_reason] ?? message.stop_reason,
      usage: {
        input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
        output: usage.output_tokens, cached: usage.cache_read_input_tokens,
      },
      warnings: warningsOf(response.headers), history: body.messages, native: message.content, events,
    };
  },
  goOn: (reply, results) => [
    ...reply.history,
    { role: 'assistant', content: reply.native },
    { role: 'user', content: results.map(({ id, text }) => ({ type: 'tool_result', tool_use_id: id, content: text })) },
  ],
  async *events(sdk, model, ask) {
    yield* await sdk.messages.create({ ...anthropicBody(model, ask), stream: true }, { signal: ask.signal });
  },
  isEnd: ({ type }) => type === 'message_stop',
  count: async (sdk, model, ask) => {
    const { model: name, messages, system, tools } = anthropicBody(model, ask);
    const { data, response } = await sdk.messages.countTokens(
      defined({ model: name, messages, system, tools })).withResponse();
    return { n: data.input_tokens, warnings: warningsOf(response.headers) };
  },
};

// ---- generateContent

const geminiParts = (content) => partsOf(content).map(({ text, image }) => (image
  ? { inlineData: { mimeType: 'image/png', data: image } } : { text }));

function geminiBody(model, ask) {
  const modes = { auto: 'AUTO', required: 'ANY', none: 'NONE' };
  return {
    model,
    contents: ask.history ?? [{ role: 'user', parts: geminiParts(ask.content ?? []) }],
    config: defined({
      systemInstruction: ask.system,
      maxOutputTokens: ask.maxTokens,
      temperature: ask.temperature,
      stopSequences: ask.stop,
      tools: ask.tools && [{
        functionDeclarations: ask.tools.map(({ name, description, schema }) =>
          ({ name, description, parametersJsonSchema: schema })),
      }],
      toolConfig: ask.choice && { functionCallingConfig: { mode: modes[ask.choice] } },
      thinkingConfig: ask.think ? { includeThoughts: true } : undefined,
      responseMimeType: ask.schema ? 'application/json' : undefined,
      responseJsonSchema: ask.schema,
      abortSignal: ask.signal,
      ...ask.extra,
    }),
  };
}

const gemini = {
  name: 'gemini',
  open: (url, key, options) =>
    new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url, retryOptions: { attempts: 1 }, ...options } }),
  error: {
    class: ApiError,
    400: [ApiError, 400], 401: [ApiError, 400], 403: [ApiError, 403], 404: [ApiError, 404], 429: [ApiError, 429],
    500: [ApiError, 500], 529: [ApiError, 503],
  },
  body: geminiBody,
  async say(sdk, model, ask) {
    const body = geminiBody(model, ask);
    const events = [];
    if (ask.stream) {
      for await (const chunk of await sdk.models.generateContentStream(body)) {
        events.push(chunk);
      }
    } else {
      events.push(await sdk.models.generateContent(body));
    }
    const parts = events.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
    const texts = (isThought) => parts.filter(({ thought, text }) => text && Boolean(thought) === isThought);
    const calls = parts.filter(({ functionCall }) => functionCall)
      .map(({ functionCall: { id, name, args } }) => ({ id, name, args }));
    const finish = events.findLast((chunk) => chunk.candidates?.[0]?.finishReason)?.candidates[0].finishReason;
    const usage = events.findLast((chunk) => chunk.usageMetadata)?.usageMetadata;
    return {
      text: texts(false).map(({ text }) => text).join(''),
      refusal: '',
      thoughts: texts(true).map(({ text }) => text).join(''),
      calls,
      finish: finish === 'STOP' ? (calls.length > 0 ? 'calls' : 'stop') : finish,
      usage: usage && {
        input: usage.promptTokenCount, output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
        cached: usage.cachedContentTokenCount, reasoning: usage.thoughtsTokenCount,
      },
      warnings: (new Map(Object.entries(events[0].sdkHttpResponse?.headers ?? {})).get('x-droid2api-warnings') ?? '')
        .split(',').filter(Boolean),
      history: body.contents, native: { role: 'model', parts }, events,
    };
  },
  goOn: (reply, results) => [
    ...reply.history,
    reply.native,
    {
      role: 'user',
      parts: results.map(({ id, name, text }) =>
        ({ functionResponse: defined({ id, name, response: { output: text } }) })),
    },
  ],
  async *events(sdk, model, ask) {
    yield* await sdk.models.generateContentStream(geminiBody(model, ask));
  },
  isEnd: (chunk) => Boolean(chunk.candidates?.[0]?.finishReason),
  // The Gemini API's countTokens takes contents and nothing else from this SDK.
  count: async (sdk, model, ask) => {
    const { contents } = geminiBody(model, ask);
    const answer = await sdk.models.countTokens({ model, contents });
    return { n: answer.totalTokens, warnings: undefined };
  },
};

export const sdkClients = { chat, responses, anthropic, gemini };

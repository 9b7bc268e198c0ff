/** Spans, as an OpenTelemetry SDK would see them. */
import { type Attributes, type Span, type SpanStatus, SpanStatusCode, trace } from "@opentelemetry/api";
import test from "ava";
import { served } from "./served.js";

interface Seen {
  readonly name: string;
  attributes: Attributes;
  status?: SpanStatus;
  ended: boolean;
}

const seen: Seen[] = [];

/** What an SDK registers: a span that is written down. */
function writtenSpan(name: string): Span {
  const record: Seen = { name, attributes: {}, ended: false };
  seen.push(record);
  const span: Span = {
    spanContext: () => ({ traceId: "1".repeat(32), spanId: "2".repeat(16), traceFlags: 1 }),
    setAttribute: () => span,
    setAttributes: (attributes) => {
      record.attributes = { ...record.attributes, ...attributes };
      return span;
    },
    addEvent: () => span,
    addLink: () => span,
    addLinks: () => span,
    setStatus: (status) => {
      record.status = status;
      return span;
    },
    updateName: () => span,
    end: () => {
      record.ended = true;
    },
    isRecording: () => true,
    recordException: () => {},
  };
  return span;
}

test("a request is a span that says who answered; one that fails is marked", async (t) => {
  const { post } = await served(t);
  trace.setGlobalTracerProvider({
    getTracer: () => ({
      startSpan: writtenSpan,
      startActiveSpan: () => {
        throw new Error("not used");
      },
    }),
  });
  t.teardown(() => trace.disable());
  await post("/recommend", { user: "user-001", mode: "inline", deadlineMs: 60_000 });
  await post("/recommend", { user: "unheard of", unknown: "throw" });
  await post("/explain", { user: "user-001", deadlineMs: 0 });
  t.deepEqual(
    seen.map(({ name, ended }) => [name, ended]),
    [
      ["recommend", true],
      ["recommend", true],
      ["explain", true],
    ],
  );
  t.like(seen[0].attributes, { "llama4rec.engines": ["conventional", "languageModel"] });
  t.is(seen[0].status, undefined);
  t.is(seen[1].status?.code, SpanStatusCode.ERROR);
});

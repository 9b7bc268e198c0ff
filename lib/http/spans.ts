import type { IncomingHttpHeaders } from "node:http";
import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { packageVersion } from "../native/packageVersion.js";
import type { Recommendation } from "../serving/types.js";

const tracer = trace.getTracer("llama4rec", packageVersion());

/** Begins the span of a request, under the one that its headers name; nothing without an OpenTelemetry SDK. */
export const startSpan = (name: string, headers: IncomingHttpHeaders): Span =>
  tracer.startSpan(name, { kind: SpanKind.SERVER }, propagation.extract(context.active(), headers));

/** Writes into a span who answered and how long each took. */
export function describeAnswer(
  span: Span,
  { engines, alpha, notRefined, snapshot, timings }: Recommendation,
): void {
  if (!span.isRecording()) return;
  span.setAttributes({
    "llama4rec.engines": [...engines],
    "llama4rec.alpha": alpha,
    "llama4rec.not_refined": notRefined ?? "",
    "llama4rec.snapshot": snapshot,
    "llama4rec.conventional_ms": timings.conventionalMs,
    "llama4rec.language_model_ms": timings.languageModelMs,
  });
}

/** Marks a span as failed. */
export function failSpan(span: Span, error: unknown): void {
  if (error instanceof Error) span.recordException(error);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

// Frames of an event stream (WHATWG HTML, section 9.2), read with `fetch` so that it can carry headers.
import { causeOf, type End } from '../backoff.js'
import type { Request } from '../endpoint.js'
import { ask, type Line } from './transport.js'

export const sse = async (line: Line, { url, headers }: Request, after: string | undefined): Promise<End> => {
  const response = await ask({ url, headers: { ...headers, accept: 'text/event-stream', ...(after && { 'last-event-id': after }) } }, line.signal)
  line.open()
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  for (let rest = ''; ;) {
    const { done, value } = await reader.read()
    if (done) return { cause: 'network', reason: 'ended' }
    line.heard()
    const blocks = (rest + value).split(/\r?\n\r?\n/)
    rest = blocks.pop()!
    for (const block of blocks) {
      const fields: Record<string, string> = { data: '' }
      for (const [, name, value] of block.matchAll(/^(\w+): ?([^\r\n]*)/gm)) fields[name!] = name === 'data' ? fields.data + value! : value!
      // What is no more than a breath has no data, and at most a place.
      if (!fields.data) {
        if (fields.id) line.passed(fields.id)
        continue
      }
      const frame = JSON.parse(fields.data)
      if (fields.event === 'close') return { cause: causeOf(frame.code), reason: frame.reason }
      line.frame(frame, undefined, fields.id)
    }
  }
}

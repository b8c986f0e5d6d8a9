// Frames asked for again and again: by the contract's own poll, or of each channel by the server's replay.
import type { End } from '../backoff.js'
import type { Place } from '../endpoint.js'
import { ask, type Line } from './transport.js'

/** Seconds that the server may hold an answer back. */
const patience = 20
/** Behind everything: a place that asks a log for its end. */
const end = '9999-12-31T23:59:59Z'

/** One page: everything in it is handed on, and the answer is where the next one begins. Without a place, it is what happens from now on. */
export const page = async (line: Line, place: Place, subscribe: string, after: string | undefined, wait?: number): Promise<{ after: string | undefined; more: boolean }> => {
  const isReplay = place.endpoint.kind === 'replay'
  const response = await ask(line.to(place, { subscribe, resume: after ?? (isReplay ? end : undefined) }, wait), line.signal)
  const body = await response.json()
  // A poll's place is in its headers; that of a page that is not the last one in the link to the next.
  const next = /<([^>]*)>; rel="next"/.exec(response.headers.get('link')!)?.[1]
  const { events = body, gap, more = !!next, position = next ? new URL(next, response.url).searchParams.get(place.endpoint.resume!) : response.headers.get('tidewire-at') } = body
  const channel = isReplay ? subscribe : undefined
  for (const frame of gap ? [{ ...gap, type: 'gap', position: gap.to }, ...events] : events) line.frame(frame, channel)
  if (position) line.passed(position, channel)
  return { after: position ?? after, more }
}

export const poll = (line: Line, place: Place, feeds: [names: string, after: string | undefined][]): Promise<End> => {
  let left = feeds.length
  return Promise.race(feeds.map(async ([names, after]) => {
    // The first answer comes at once, so that it is known that there is one.
    for (let wait = 0; ; wait = patience) {
      ({ after } = await page(line, place, names, after, wait))
      line.heard()
      if (!wait && !--left) line.open()
    }
  }))
}

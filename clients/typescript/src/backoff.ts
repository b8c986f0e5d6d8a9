// What ends a connection, and when to come back (C-8).
import type { Description } from './description.js'

/** What ended a connection. */
export type Cause =
  /** Somebody closed it, and all is well: back at once. */
  | 'clean'
  /** It broke, or nothing was heard: 1, 2, 4 … 30 s. */
  | 'network'
  /** The token is no longer good: a new one, then back. */
  | 'auth'
  /** The server restarts: back in a moment, then wait for its hello. */
  | 'restart'
  /** Not to come back: another connection took its place, or a backend ended it. */
  | 'ended'

export interface End {
  cause: Cause
  reason: string
}

/** What a close frame's code means, or its hundreds; and the status of an answer that refuses: what is wrong with a request will be wrong again. */
const causes: { readonly [code: number]: Cause } = {
  1000: 'clean', 1001: 'clean', 1005: 'clean',
  1012: 'restart', 1013: 'restart',
  401: 'auth', 4401: 'auth',
  400: 'ended', 403: 'ended', 404: 'ended', 405: 'ended', 4403: 'ended', 4409: 'ended',
  // Of the Pusher protocol: 40xx stay away, 42xx come back at once.
  40: 'ended', 42: 'clean'
}

export const causeOf = (code = 0): Cause => causes[code] ?? causes[Math.floor(code / 100)] ?? 'network'

/** As what an exception ends it: where it says so, as that. */
export const endOf = (error: unknown): End => (error as End)?.cause && (error as End).reason ? error as End : { cause: 'network', reason: String(error) }

/** Milliseconds to wait. `failures`: tries in a row that came to nothing. */
export const delay = ({ clean, network: [first, most] }: Description['reconnect'], cause: Cause, failures: number, random = Math.random): number => {
  // What is well ended and ends again at once is not well, nor is a new token that is refused like the old one.
  if (failures < (cause === 'auth' ? 2 : cause === 'clean' ? 1 : 0)) return clean
  const full = Math.min(most, first * 2 ** Math.max(0, failures - 1))
  // A restart loses all its clients at the same moment: they spread over the whole of it.
  return full * (cause === 'restart' ? random() : 0.75 + random() / 2)
}

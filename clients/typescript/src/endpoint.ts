// Where a client connects, and how it shows who it is there.
import type { Description, Endpoint } from './description.js'
import { asTemplate, parse, put } from './text.js'

export interface Place {
  endpoint: Endpoint
  /** With what its query has to have. */
  path: string
  /** The channel that a connection here has, whatever is asked for; `` is none. */
  channel: string
}

/** What is asked of an endpoint; each has its own names for them, or none. */
export interface Asked {
  /** Channels, with commas between them. */
  subscribe?: string | undefined
  /** Types of events. */
  filter?: string | undefined
  /** The place behind which to go on. */
  resume?: string | undefined
}

/** A request, as `fetch` takes it. */
export interface Request { url: string; headers: Record<string, string> }

/** The server's own route for what was missed: every contract has it. */
export const replay = ({ endpoints }: Description): Place =>
  ({ endpoint: { kind: 'replay', path: '', subscribe: 'channel', filter: 'types', resume: 'after', token: endpoints.flatMap(({ token }) => token) }, path: '/v1/events/since?limit=1000', channel: '' })

/**
 * The first endpoint of a kind at which all these channels can be had. Variables come from what the application said, and from the
 * channels' names. `free`: channels are asked for later.
 */
export const find = ({ endpoints }: Description, kind: Endpoint['kind'], said: Record<string, string>, channels: readonly string[], free?: boolean): Place | undefined => {
  for (const endpoint of endpoints) {
    const { path, query = {}, channel: address = '' } = endpoint
    let variables = said
    for (const name of channels) variables = { ...parse(address, name), ...variables }
    let isWhole = endpoint.kind === kind
    const filled = (text: string, encode: (value: string) => string) => put(asTemplate(text), name => {
      isWhole &&= !!variables[name]
      return encode(variables[name]!)
    })
    const route = filled([path, ...Object.entries(query).map(([parameter, variable]) => `${parameter}={${variable}}`)].join('&').replace('&', '?'), encodeURIComponent)
    const channel = filled(address, String)
    if (isWhole && (free || (channels.some(name => name !== channel) ? endpoint.subscribe : channel || endpoint.unlessAsked))) return { endpoint, path: route, channel }
  }
  return undefined
}

/** A request with the token in the first place that the platform can put it. `wait`: seconds that the answer may be held back. */
export const request = (base: string, { path, endpoint }: Place, asked: Asked, token: string | undefined, headers: boolean, wait?: number): Request => {
  const url = new URL(path, base)
  const sent: Record<string, string> = {}
  const set = (parameter: string | undefined, value: unknown) => { if (parameter && value) url.searchParams.set(parameter, String(value)) }
  for (const role in asked) set(endpoint[role as keyof Asked], asked[role as keyof Asked])
  set('wait', wait)
  set('protocol', endpoint.kind === 'pusher' && 7)
  const by = endpoint.token.find(place => place.in === 'query' || (headers && place.in === 'header')) ?? endpoint.token[0]
  if (token && by) {
    if (by.in === 'query') set(by.name, token)
    else if (by.in === 'header') sent.authorization = `Bearer ${token}`
    // A page cannot set cookies of a request: its browser sends the one that it has.
    else sent.cookie = `${by.name}=${token}`
  }
  return { url: url.href, headers: sent }
}

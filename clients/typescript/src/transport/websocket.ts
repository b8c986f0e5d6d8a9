// Frames over a WebSocket (RFC 6455).
import { causeOf, type End } from '../backoff.js'
import type { Request } from '../endpoint.js'
import type { Line } from './transport.js'

/** As much of a WebSocket as is needed. */
export interface Socket {
  send (text: string): void
  close (code?: number): void
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string; status?: number }) => void) | null
}

/** How one is opened, and whether it can carry headers: Node's entry puts its own here. */
export const platform = {
  headers: false,
  open: (url: string, _headers: Record<string, string>): Socket => new WebSocket(url) as unknown as Socket
}

export const websocket = (line: Line, { url, headers }: Request): Promise<End> => new Promise(resolve => {
  let opened = false
  const socket = platform.open(url.replace(/^http/, 'ws'), headers)
  socket.onopen = () => {
    opened = true
    line.open(text => socket.send(text))
  }
  socket.onmessage = ({ data }) => {
    line.heard()
    let frame
    try {
      frame = JSON.parse(String(data))
    } catch { /* Not for this client. */
      return
    }
    line.frame(frame)
  }
  // A browser does not tell why it was not let in.
  socket.onclose = ({ code, reason, status }) => resolve({ cause: causeOf(opened ? code : status), reason: `${code} ${reason}` })
  line.signal.addEventListener('abort', () => {
    socket.onopen = socket.onmessage = null
    socket.close(1000)
  })
})

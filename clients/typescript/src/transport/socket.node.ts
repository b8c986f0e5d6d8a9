// A WebSocket client (RFC 6455) on Node's own HTTP, as much of it as a text protocol needs.
import { createHash, randomBytes } from 'node:crypto'
import { request as http, type IncomingMessage } from 'node:http'
import { request as https } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Socket } from './websocket.js'

const [TEXT, CLOSE, PING, PONG] = [1, 8, 9, 10]

export class NodeSocket implements Socket {
  onopen: Socket['onopen'] = null
  onmessage: Socket['onmessage'] = null
  onclose: Socket['onclose'] = null
  #stream: Duplex | undefined
  readonly #request
  #buffer: Buffer = Buffer.alloc(0)
  /** The parts of a message that comes in several frames. */
  #parts: Buffer[] = []
  #said = { code: 1006, reason: 'the connection broke' }
  #over = false

  constructor (url: string, headers: Record<string, string>) {
    const key = randomBytes(16).toString('base64')
    const open = url.startsWith('wss') ? https : http
    this.#request = open(url.replace(/^ws/, 'http'), {
      headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key }
    })
    this.#request.on('upgrade', (response, stream, head) => {
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      if (response.headers['sec-websocket-accept'] !== accept) {
        stream.destroy()
        return this.#end(1006, 'this is no WebSocket')
      }
      this.#stream = stream
      stream.on('data', (bytes: Buffer) => this.#take(bytes))
      stream.on('error', () => {})
      stream.on('close', () => this.#end(this.#said.code, this.#said.reason))
      this.onopen?.()
      if (head.length) this.#take(head)
    })
    this.#request.on('response', (response: IncomingMessage) => {
      response.setEncoding('utf8')
      let text = ''
      response.on('data', (part: string) => { text += part })
      response.on('close', () => this.#end(1006, `${response.statusCode} ${text.slice(0, 300)}`, response.statusCode))
    })
    this.#request.on('error', error => this.#end(1006, String(error)))
    this.#request.end()
  }

  send (text: string): void {
    this.#frame(TEXT!, Buffer.from(text))
  }

  close (code = 1000): void {
    if (!this.#stream) return void this.#request.destroy()
    const body = Buffer.alloc(2)
    body.writeUInt16BE(code)
    this.#frame(CLOSE!, body)
    this.#stream.end()
    // Whoever does not answer a goodbye is left.
    setTimeout(() => this.#stream?.destroy(), 1000).unref()
  }

  #end (code: number, reason: string, status?: number): void {
    if (this.#over) return
    this.#over = true
    this.onclose?.({ code, reason, ...(status !== undefined && { status }) })
  }

  #frame (opcode: number, body: Buffer): void {
    const mask = randomBytes(4)
    const length = body.length < 126 ? Buffer.from([0x80 | body.length]) : body.length < 65536 ? Buffer.from([0xfe, body.length >> 8, body.length & 255]) : Buffer.alloc(9, 0xff)
    if (length.length === 9) length.writeBigUInt64BE(BigInt(body.length), 1)
    const masked = Buffer.from(body)
    for (let at = 0; at < masked.length; at++) masked[at]! ^= mask[at & 3]!
    if (this.#stream?.writable) this.#stream.write(Buffer.concat([Buffer.from([0x80 | opcode]), length, mask, masked]))
  }

  #take (bytes: Buffer): void {
    this.#buffer = this.#buffer.length ? Buffer.concat([this.#buffer, bytes]) : bytes
    for (;;) {
      const buffer = this.#buffer
      if (buffer.length < 2) return
      const short = buffer[1]! & 127
      const head = short === 126 ? 4 : short === 127 ? 10 : 2
      if (buffer.length < head) return
      const length = short === 126 ? buffer.readUInt16BE(2) : short === 127 ? Number(buffer.readBigUInt64BE(2)) : short
      if (buffer.length < head + length) return
      this.#buffer = buffer.subarray(head + length)
      this.#act(buffer[0]! & 15, (buffer[0]! & 128) !== 0, buffer.subarray(head, head + length))
    }
  }

  #act (opcode: number, last: boolean, body: Buffer): void {
    if (opcode === CLOSE) {
      this.#said = body.length < 2 ? { code: 1005, reason: '' } : { code: body.readUInt16BE(0), reason: body.toString('utf8', 2) }
      this.#frame(CLOSE!, body.subarray(0, 2))
      return void this.#stream?.end()
    }
    if (opcode === PING) return this.#frame(PONG!, body)
    if (opcode === PONG) return
    this.#parts.push(body)
    if (!last) return
    const whole = this.#parts.length === 1 ? body : Buffer.concat(this.#parts)
    this.#parts = []
    this.onmessage?.({ data: whole.toString('utf8') })
  }
}

// The same client in Node, whose WebSocket is this package's own: it can carry headers, and tells why it was refused.
import { NodeSocket } from './transport/socket.node.js'
import { platform } from './transport/websocket.js'

platform.headers = true
platform.open = (url, headers) => new NodeSocket(url, headers)

export * from './index.js'

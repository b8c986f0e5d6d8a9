// A line to a server that can be cut: every connection breaks off, and no new one comes through until it is mended.
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export const relay = async to => {
  const { hostname, port } = new URL(to)
  const sockets = new Set()
  let whole = true
  const server = createServer(near => {
    if (!whole) return near.destroy()
    const far = connect(Number(port), hostname)
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one)
      one.pipe(other)
      one.on('error', () => {})
      one.on('close', () => {
        sockets.delete(one)
        other.destroy()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut () {
      whole = false
      sockets.forEach(socket => socket.destroy())
    },
    mend () { whole = true },
    close () {
      this.cut()
      server.close()
    }
  }
}

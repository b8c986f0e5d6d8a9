// Asking the backend as this device. The token comes behind the #, which no server sees, and is kept.
const fromAddress = new URLSearchParams(location.hash.slice(1)).get('token')
const token = fromAddress ?? localStorage.getItem('token') ?? prompt('Device token')
localStorage.setItem('token', token)
if (fromAddress) history.replaceState(null, '', location.pathname + location.search)

/** What the backend said no to. */
export class Refused extends Error {
  constructor (status, said) {
    super(said.detail ?? said.title ?? `status ${status}`)
    this.status = status
  }
}

export const ask = async (path, { method = 'GET', body, key } = {}) => {
  const headers = { authorization: `Bearer ${token}` }
  if (body) headers['content-type'] = 'application/json'
  if (key) headers['idempotency-key'] = headers['x-correlation-id'] = key
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) })
  const said = await answer.json()
  if (!answer.ok) throw new Refused(answer.status, said)
  return said
}

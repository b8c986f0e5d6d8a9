// The Python library, installed from its registry into an environment of its own. K-1
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { serve } from './serve.mjs'

const here = new URL('.', import.meta.url).pathname
const python = `${here}.venv/bin/python`

test('the library for Python publishes, asks and signs', { timeout: 180_000 }, async () => {
  if (!existsSync(python)) execFileSync('python3', ['-m', 'venv', `${here}.venv`], { stdio: 'inherit' })
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', 'pusher==3.3.3'], { stdio: 'inherit' })
  const app = { id: '7', key: 'py-key', secret: 'a-secret-that-is-long-enough' }
  const server = await serve(`[apps.py]\napp_id = ${app.id}\nkey = "${app.key}"\nsecret = "${app.secret}"\n`)
  try {
    const said = execFileSync(python, [`${here}pusher_python.py`, server.host, String(server.port), app.id, app.key, app.secret], { encoding: 'utf8' })
    assert.match(said, /refused/)
    const events = await (await fetch(`${server.url}/v1/events/since?channel=py-a&seq=0`, { headers: { authorization: `Bearer ${app.secret}` } })).json()
    assert.deepEqual(events.events.map(data => JSON.parse(data)), [{ text: 'é' }, {}, { n: 1 }])
  } finally {
    await server.remove()
  }
})

// Against a mock that misbehaves by a seed: duplicates, gaps, late events, tokens that expire, sockets that close.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { contract } from './generated/conversation.mjs'
import { contracts } from './generate.mjs'
import { binary } from './serve.mjs'
import { listen } from './setup.mjs'

const limit = { timeout: 180_000 }
const running = []
after(() => running.forEach(child => child.kill('SIGKILL')))

const mock = async (...more) => {
  const child = spawn(binary, ['mock', `${contracts}/conversation`, '--listen', '127.0.0.1:0', '--json', ...more], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.push(child)
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  return JSON.parse(line)
}

/** A client of whom the mock has a token, on a channel of theirs. */
const open = async ({ url, channels }) => {
  const channel = channels.find(name => name.startsWith('conversation:'))
  const token = async () => (await (await fetch(`${url}/mock/tokens/ana`)).json()).token
  const heard = listen(contract, { url, token })
  heard.client.subscribe(channel, heard.hears)
  await heard.open()
  return { heard, channel }
}
const events = ({ url, backend_key }, channel) =>
  fetch(`${url}/v1/events/since?channel=${encodeURIComponent(channel)}&seq=0&limit=1000`, { headers: { authorization: `Bearer ${backend_key}` } }).then(answer => answer.json())

// C-8, C-9, G-2, G-3, K-11: whatever it does, the client has each event of the log once and in its order.
test('duplicates, late events, expired tokens and closed sockets', limit, async () => {
  const about = await mock('--seed', '7', '--rate', '20/s', '--misbehave', 'duplicates=0.2,late=0.1,expired-tokens=0.2,closed-sockets=0.05')
  const { heard, channel } = await open(about)
  await heard.until(() => heard.events.length >= 120 && heard.states.filter(({ state }) => state === 'waiting').length >= 2)
  const mine = heard.events.map(({ event }) => event.timestamp)
  const { events: all } = await events(about, channel)
  const log = all.map(({ timestamp }) => timestamp)
  const from = log.indexOf(mine[0])
  assert.ok(from >= 0)
  assert.deepEqual(mine, log.slice(from, from + mine.length))
  assert.deepEqual(heard.gaps, [])
})

// G-3, K-11: what is lost for good is told of, and nothing else is lost.
test('gaps', limit, async () => {
  const about = await mock('--seed', '3', '--rate', '20/s', '--misbehave', 'gaps=0.1,closed-sockets=0.05')
  const { heard, channel } = await open(about)
  await heard.until(() => heard.gaps.length >= 2 && heard.events.length >= 60)
  const mine = heard.events.map(({ event }) => event.timestamp)
  assert.deepEqual([...new Set(mine)].sort(), mine)
  // The user's own channel comes unasked.
  for (const gap of heard.gaps) assert.ok([channel, 'user:ana'].includes(gap.channel) && gap.reason && gap.action, JSON.stringify(gap))
})

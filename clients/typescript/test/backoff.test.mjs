// C-8: the document's table, without a clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { causeOf, delay } from '../dist/backoff.js'

const table = { clean: 0, network: [1000, 30_000] }
const middle = () => 0.5

test('what a close frame says', () => {
  const causes = { 1000: 'clean', 1001: 'clean', 1006: 'network', 1011: 'network', 1012: 'restart', 4401: 'auth', 4403: 'ended', 4408: 'network', 4409: 'ended', 4009: 'ended', 4201: 'clean' }
  for (const [code, cause] of Object.entries(causes)) assert.equal(causeOf(Number(code)), cause, code)
})

test('1, 2, 4 … 30 seconds after a network error, at once after a clean end and with a new token', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 60].map(failures => delay(table, 'network', failures, middle)), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  assert.deepEqual([delay(table, 'clean', 0), delay(table, 'auth', 0)], [0, 0])
  // A token that is refused again, and a server that hangs up at once, are no reason to run in a circle.
  assert.equal(delay(table, 'auth', 2, middle), 2000)
  const spread = Array.from({ length: 200 }, () => delay(table, 'network', 3))
  assert.ok(spread.every(time => time >= 3000 && time <= 5000) && new Set(spread).size > 100)
  const restart = Array.from({ length: 200 }, () => delay(table, 'restart', 1))
  assert.ok(restart.every(time => time >= 0 && time <= 1000) && Math.min(...restart) < 300 && Math.max(...restart) > 700)
})

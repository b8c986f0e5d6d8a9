// A wrong payload does not compile: proved by the compiler.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { here } from './generate.mjs'

// C-11: each line that is said to be wrong has to be an error, and no other line may be one.
test('what the contracts allow compiles, and nothing else does', () => {
  const tsc = new URL('../node_modules/.bin/tsc', import.meta.url).pathname
  const { status, stdout } = spawnSync(tsc, ['-p', `${here}types`, '--pretty', 'false'], { encoding: 'utf8' })
  assert.equal(stdout, '')
  assert.equal(status, 0)
})

// What `tidewire gen asyncapi` makes, read by AsyncAPI's own parser and held against its own schema.
// C-1, C-13
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Parser } from '@asyncapi/parser'
import specs from '@asyncapi/specs'
import { binary } from './serve.mjs'

const run = promisify(execFile)
const contracts = new URL('../contracts', import.meta.url).pathname

const names = (await readdir(contracts, { withFileTypes: true })).filter(entry => entry.isDirectory()).map(entry => entry.name)
assert(names.length >= 3, names.join())

// That there is a 3.1 beside 3.0 is true of every document of 3.0, and only told.
const said = diagnostics => diagnostics
  .filter(d => !(d.code === 'asyncapi-latest-version' && d.severity > 1))
  .map(d => `${d.severity} ${d.code} ${d.path.join('/')} ${d.message}`)

for (const name of names) {
  for (const view of ['logical', 'wire']) {
    test(`${name}, ${view}: the official parser has nothing to say`, { timeout: 120_000 }, async () => {
      const { stdout } = await run(binary, ['gen', 'asyncapi', join(contracts, name), '--view', view], { maxBuffer: 64 << 20 })
      const { document, diagnostics } = await new Parser().parse(stdout)
      assert.deepEqual(said(diagnostics), [])
      assert.equal(document.version(), '3.0.0')
      assert(document.channels().all().length > 0)
      assert(document.operations().all().length > 0)
      for (const operation of document.operations().all()) {
        assert(operation.messages().all().length > 0, operation.id())
        assert(['send', 'receive'].includes(operation.action()))
      }
    })
  }
}

test('what the parser has to say of a document that is wrong, is heard', { timeout: 120_000 }, async () => {
  assert(specs.schemas['3.0.0'])
  const { stdout } = await run(binary, ['gen', 'asyncapi', join(contracts, 'world')], { maxBuffer: 64 << 20 })
  for (const spoil of [
    d => { d.operations['send.world.place.updated'].action = 'shout' },
    d => { d.operations['send.world.place.updated'].channel.$ref = '#/channels/nowhere' },
    d => { d.channels.world.adress = 'x' }
  ]) {
    const document = JSON.parse(stdout)
    spoil(document)
    const { diagnostics } = await new Parser().parse(JSON.stringify(document))
    assert.notDeepEqual(said(diagnostics), [], spoil.toString())
  }
})

test('a folder has what the parser read, and comparing finds what was changed', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gen-'))
  try {
    await run(binary, ['gen', 'asyncapi', contracts, '--out', `${folder}/`], { maxBuffer: 64 << 20 })
    const files = await readdir(folder)
    assert.deepEqual(files.sort(), names.flatMap(name => [`${name}.asyncapi.json`, `${name}.wire.asyncapi.json`]).sort())
    await run(binary, ['gen', 'asyncapi', contracts, '--out', `${folder}/`, '--check'])
    const { document } = await new Parser().parse(await readFile(join(folder, 'world.asyncapi.json'), 'utf8'))
    assert.equal(document.channels().all()[0].address(), 'world:{world_id}')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

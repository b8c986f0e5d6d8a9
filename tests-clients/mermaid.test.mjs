// The diagrams of the contract documents, read by Mermaid itself.
// C-13
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import mermaid from 'mermaid'
import { binary } from './serve.mjs'

const run = promisify(execFile)
const contracts = new URL('../contracts', import.meta.url).pathname

test('every flow of every contract is a diagram that Mermaid draws', { timeout: 120_000 }, async () => {
  const names = (await readdir(contracts, { withFileTypes: true })).filter(entry => entry.isDirectory()).map(entry => entry.name)
  let drawn = 0
  for (const name of names) {
    const { stdout } = await run(binary, ['gen', 'markdown', join(contracts, name)], { maxBuffer: 64 << 20 })
    const diagrams = [...stdout.matchAll(/^```mermaid\n(.*?)\n```$/gms)].map(match => match[1])
    for (const diagram of diagrams) {
      assert.equal((await mermaid.parse(diagram)).diagramType, 'sequence', `${name}:\n${diagram}`)
      drawn++
    }
    // As text and as Mermaid, each of them.
    assert.equal([...stdout.matchAll(/^```text$/gm)].length, diagrams.length, name)
  }
  assert(drawn > 0)
  await assert.rejects(mermaid.parse('sequenceDiagram\n  p0->p1 no colon'))
})

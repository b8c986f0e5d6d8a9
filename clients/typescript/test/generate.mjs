// The definitions of the shipped contracts and of the tests' own, made by the binary; and the same as modules that run.
import { execFile } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { binary } from './serve.mjs'

const run = promisify(execFile)
export const here = new URL('./', import.meta.url).pathname
export const generated = `${here}generated/`
export const contracts = new URL('../../../contracts', import.meta.url).pathname

/** Before all tests: `npm test` does it. */
export const generate = async () => {
  await mkdir(generated, { recursive: true })
  for (const folder of [contracts, `${here}contracts/odd`]) await run(binary, ['gen', 'typescript', folder, '--out', generated])
  const entryPoints = (await readdir(generated)).filter(name => name.endsWith('.ts')).map(name => generated + name)
  await build({ entryPoints, outdir: generated, outExtension: { '.js': '.mjs' }, format: 'esm', logLevel: 'error' })
}

if (process.argv[1] === new URL(import.meta.url).pathname) await generate()

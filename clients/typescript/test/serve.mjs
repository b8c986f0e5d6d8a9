export { binary, serve } from '../../../tests-clients/serve.mjs'
export { relay } from '../../../tests-clients/relay.mjs'

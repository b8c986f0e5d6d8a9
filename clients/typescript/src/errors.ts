// What can go wrong, with what to do about it.

/** An error of the contract, of the server or of this client. */
export class TidewireError<Code extends string = string> extends Error {
  override readonly name = 'TidewireError'
  /** One of the contract's codes; or of the client: `UNCERTAIN`, `CLOSED`, `NOT_ALLOWED`, `UNSUPPORTED`, `HANDLER`, `STORE`. */
  declare readonly code: Code
  /** What can be done; of this client's own codes it is in docs/typescript.md. */
  declare readonly action: string
  /** The rest of what is known: `channel`, `type`, `errors` of a payload, `cause`. */
  declare readonly details: { readonly channel?: string; readonly type?: string; readonly errors?: readonly unknown[]; readonly cause?: unknown }

  constructor (code: Code, message: string, action = 'See docs/typescript.md', details: TidewireError['details'] = {}) {
    super(message)
    Object.assign(this, { code, action, details })
  }
}

// Tokens: asked for when one is needed, a new one before the old one expires.

/** A token, or a function that gets one; `refresh` where the last one was refused, or is about to expire. */
export type TokenSource = string | ((about: { refresh: boolean }) => string | undefined | Promise<string | undefined>)

/** The claims of a token (RFC 7519), where it is one that can be read. */
export const claims = (token: string | undefined): Record<string, unknown> => {
  try {
    return JSON.parse(atob(token!.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/')))
  } catch {
    return {}
  }
}

/** Milliseconds until it expires, by this machine's clock; not a number where it does not say. */
export const left = (token: string | undefined): number => claims(token).exp as number * 1000 - Date.now()

/**
 * libp2p calls `Promise.withResolvers`, which Node has from version 22 on; on Node 20 a dial fails without it. To be
 * imported before anything of libp2p is loaded.
 */

interface Resolvers<Value> {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value | PromiseLike<Value>) => void
  readonly reject: (reason?: unknown) => void
}

const promises = Promise as { withResolvers?: <Value>() => Resolvers<Value> }

promises.withResolvers ??= <Value>(): Resolvers<Value> => {
  let resolve!: Resolvers<Value>['resolve']
  let reject!: Resolvers<Value>['reject']
  const promise = new Promise<Value>((accept, refuse) => {
    resolve = accept
    reject = refuse
  })
  return { promise, resolve, reject }
}

/** What a broker refuses, or the client itself; `code` is stable, the sentence is for people. */
export class BrokerError extends Error {
  override readonly name = 'BrokerError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Where the broker tells what happens; pino's loggers are such. Tokens are never among it. */
export interface BrokerLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const SILENT: BrokerLog = { info() {}, warn() {}, error() {} }

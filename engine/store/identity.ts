/**
 * What marks a SQLite file as ours: the `application_id` in its header, the letters "Thkt" read as a big-endian number.
 * The store's first migration sets it; an adapter refuses a file that bears another one before it touches that file.
 */
export const STORE_APPLICATION_ID = 0x54686b74

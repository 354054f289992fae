/**
 * Goal: addresses are told as nodes on iroh tell them, and nothing that comes does more than raise a coded error.
 * Method: the bytes that a released node was seen to send, round trips, bad texts and bytes.
 */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, hexToBytes, isThicketError } from '../core/index.js'
import { decodePeerData, encodePeerData } from './peer-data.js'

describe('golden bytes', () => {
  it.each([
    ['none', [], '0000'],
    ['two of loopback', ['127.0.0.1:4567', '[::1]:4568'], `0002007f000001d72301${'00'.repeat(15)}01d823`],
    ['a relay', ['relay:https://r.example/', '10.0.0.1:1'], '011268747470733a2f2f722e6578616d706c652f01000a00000101'],
  ])('%s', (_, addresses, hex) => {
    expect(bytesToHex(encodePeerData(addresses))).toBe(hex)
    expect(decodePeerData(hexToBytes(hex))).toEqual(addresses)
  })

  it('the form that was seen has 28 bytes with ports of two bytes', () => {
    expect(encodePeerData(['127.0.0.1:4567', '[::1]:4568']).length).toBe(28)
  })

  it('is a set: sorted, v4 first, each once', () => {
    const told = encodePeerData(['[::1]:1', '10.0.0.2:1', '10.0.0.1:2', '10.0.0.1:1', '10.0.0.2:1'])
    expect(decodePeerData(told)).toEqual(['10.0.0.1:1', '10.0.0.1:2', '10.0.0.2:1', '[::1]:1'])
  })

  it('no bytes are no addresses', () => {
    expect(decodePeerData(new Uint8Array())).toEqual([])
  })
})

it.each([
  ['[2001:DB8:0:0:1:0:0:1]:9', '[2001:db8::1:0:0:1]:9'],
  ['[::ffff:1.2.3.4]:9', '[::ffff:102:304]:9'],
  ['[1::]:9', '[1::]:9'],
  ['[1:2:3:4:5:6:7:8]:9', '[1:2:3:4:5:6:7:8]:9'],
  ['[::]:0', '[::]:0'],
])('%s is written as %s', (given, written) => {
  expect(decodePeerData(encodePeerData([given]))).toEqual([written])
})

it('any address survives', () => {
  const address = fc.oneof(
    fc.tuple(fc.ipV4(), fc.nat(0xffff)).map(([ip, port]) => `${ip}:${port}`),
    fc.tuple(fc.ipV6(), fc.nat(0xffff)).map(([ip, port]) => `[${ip}]:${port}`),
  )
  fc.assert(
    fc.property(fc.array(address, { maxLength: 10 }), addresses => {
      const once = encodePeerData(addresses)
      expect(bytesToHex(encodePeerData(decodePeerData(once)))).toBe(bytesToHex(once))
    }),
  )
})

it.each([
  '',
  'x',
  '1.2.3:4',
  '1.2.3.256:4',
  '01.2.3.4:5',
  '1.2.3.4:65536',
  '1.2.3.4',
  '::1:5',
  '[::1]',
  '[1:2]:3',
  '[1::2::3]:4',
  '[1:2:3:4:5:6:7:8:9]:1',
  '[12345::]:1',
  '[::1.2.3]:4',
])('%j is no address', text => {
  expect(() => encodePeerData([text])).toThrow(expect.objectContaining({ code: 'peer-data-invalid' }))
})

it('more addresses than are passed on are left out', () => {
  const many = Array.from({ length: 100 }, (_, at) => `[2001:db8::${at.toString(16)}]:60000`)
  const told = encodePeerData(many)
  expect(decodePeerData(told).length).toBe(40)
  expect(told.length).toBeLessThanOrEqual(1_024)
})

it('random bytes raise coded errors alone', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
      try {
        decodePeerData(bytes)
      } catch (error) {
        if (!isThicketError(error)) throw error
      }
    }),
  )
  expect(() => decodePeerData(hexToBytes('0001007f000001ffff7f'))).toThrow(
    expect.objectContaining({ code: 'peer-data-invalid' }),
  )
})

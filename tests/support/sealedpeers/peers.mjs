// Lines of JSON in and out: seal by @linode/kubeseal-encrypt, open by WebCrypto alone.
import { createInterface } from 'node:readline'
import { createPrivateKey } from 'node:crypto'
import { encryptSecretItem } from '@linode/kubeseal-encrypt'

const { subtle } = globalThis.crypto

async function open (pem, label, text) {
  const der = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
  const key = await subtle.importKey('pkcs8', der, { name: 'RSA-OAEP', hash: 'SHA-256' }, false, ['decrypt'])
  const sealed = Buffer.from(text, 'base64')
  const end = 2 + sealed.readUInt16BE(0)
  const session = await subtle.decrypt(
    { name: 'RSA-OAEP', label: Buffer.from(label) }, key, sealed.subarray(2, end))
  const aes = await subtle.importKey('raw', session, 'AES-GCM', false, ['decrypt'])
  const value = await subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, aes, sealed.subarray(end))
  return Buffer.from(value).toString('base64')
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  let answer
  try {
    answer = asked.open === undefined
      ? await encryptSecretItem(asked.pem, asked.label, asked.value)
      : await open(asked.pem, asked.label, asked.open)
  } catch {
    answer = null
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}

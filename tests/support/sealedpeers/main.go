// Seals and opens by Go's crypto/rsa and crypto/cipher, which the controller is built on. Lines of JSON in and out.
package main

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"os"
)

type asked struct {
	Pem   string
	Label string
	Value []byte
	Open  []byte
}

func gcm(session []byte) cipher.AEAD {
	block, err := aes.NewCipher(session)
	if err != nil {
		panic(err)
	}
	made, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return made
}

func seal(certificate []byte, label string, value []byte) []byte {
	parsed, err := x509.ParseCertificate(certificate)
	if err != nil {
		panic(err)
	}
	session := make([]byte, 32)
	if _, err := rand.Read(session); err != nil {
		panic(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, parsed.PublicKey.(*rsa.PublicKey), session, []byte(label))
	if err != nil {
		panic(err)
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(len(wrapped)))
	return gcm(session).Seal(append(out, wrapped...), make([]byte, 12), value, nil)
}

func open(key []byte, label string, sealed []byte) []byte {
	parsed, err := x509.ParsePKCS1PrivateKey(key)
	if err != nil {
		panic(err)
	}
	end := 2 + int(binary.BigEndian.Uint16(sealed))
	session, err := rsa.DecryptOAEP(sha256.New(), rand.Reader, parsed, sealed[2:end], []byte(label))
	if err != nil {
		return nil
	}
	value, err := gcm(session).Open([]byte{}, make([]byte, 12), sealed[end:], nil)
	if err != nil {
		return nil
	}
	return value
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var line asked
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			panic(err)
		}
		block, _ := pem.Decode([]byte(line.Pem))
		var answer []byte
		if line.Open != nil {
			answer = open(block.Bytes, line.Label, line.Open)
		} else {
			answer = seal(block.Bytes, line.Label, line.Value)
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			panic(err)
		}
	}
}

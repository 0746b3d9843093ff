// Reads a tlog-tiles folder by the Go project's own packages for transparency logs, golang.org/x/mod/sumdb/note and tlog:
// the signed checkpoint, every entry by tiles that lead to its root, and a proof for one entry in each bundle.
//
// Usage: tlogreader FOLDER VKEY. Prints origin and size, and exits with 1 on anything that does not hold.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The height of tiles that C2SP has fixed, and Go keeps in a tile's path.
const height = 8

type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := f.read(tile, "tile/8/", "tile/")
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// read takes the file of a tile, whose path begins in another way than Go's.
func (f folder) read(tile tlog.Tile, begin, prefix string) ([]byte, error) {
	path := strings.Replace(tile.Path(), begin, prefix, 1)
	return os.ReadFile(filepath.Join(string(f), path))
}

func main() {
	log.SetFlags(0)
	at := folder(os.Args[1])
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	text, err := os.ReadFile(filepath.Join(string(at), "checkpoint"))
	must(err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	var size int64
	_, err = fmt.Sscan(lines[1], &size)
	must(err)
	root, err := tlog.ParseHash(lines[2])
	must(err)
	reader := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, at)
	for index := int64(0); index < size; {
		index = bundle(at, reader, index, size, root)
	}
	fmt.Println(lines[0], size)
}

// bundle checks the entry bundle that begins at index, and gives the index after it.
func bundle(at folder, reader tlog.HashReader, index, size int64, root tlog.Hash) int64 {
	width := size - index
	if width > 1<<height {
		width = 1 << height
	}
	data, err := at.read(tlog.Tile{H: height, L: 0, N: index >> height, W: int(width)}, "tile/8/0/", "tile/entries/")
	must(err)
	proof, err := tlog.ProveRecord(size, index, reader)
	must(err)
	var hashes, stored []tlog.Hash
	var wanted []int64
	for len(data) > 0 {
		end := 2 + int(binary.BigEndian.Uint16(data))
		wanted = append(wanted, tlog.StoredHashIndex(0, index+int64(len(wanted))))
		hashes = append(hashes, tlog.RecordHash(data[2:end]))
		data = data[end:]
	}
	must(tlog.CheckRecord(proof, size, root, index, hashes[0]))
	if int64(len(hashes)) != width {
		log.Fatalf("the bundle at %d has %d entries, not %d", index, len(hashes), width)
	}
	stored, err = reader.ReadHashes(wanted)
	must(err)
	for n := range hashes {
		if hashes[n] != stored[n] {
			log.Fatalf("entry %d is not that of its tile", index+int64(n))
		}
	}
	return index + width
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

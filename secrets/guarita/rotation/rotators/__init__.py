"""The kinds of credentials that rotate, one file each, behind `guarita.rotation.interface.Rotator`."""

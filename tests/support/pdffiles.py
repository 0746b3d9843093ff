"""PDFs with data in every corner, made object by object."""

import io
import subprocess
import tempfile
import zlib
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, String


def font(pdf):
    return pdf.make_indirect(
        Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica, Encoding=Name.WinAnsiEncoding)
    )


def page(pdf, content, **resources):
    made = pdf.add_blank_page(page_size=(595, 842))
    made.obj["/Resources"] = Dictionary(Font=Dictionary(F1=font(pdf)), **resources)
    made.obj["/Contents"] = pdf.make_stream(content.encode("cp1252"))
    return made


def saved(pdf):
    out = io.BytesIO()
    pdf.save(out)
    return out.getvalue()


def line(text, y=700, size=12):
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F1 {size} Tf 50 {y} Td ({escaped}) Tj ET\n"


def picture(pdf):
    return pdf.make_stream(
        zlib.compress(bytes([200]) * 300), Type=Name.XObject, Subtype=Name.Image, Width=10, Height=10,
        ColorSpace=Name.DeviceRGB, BitsPerComponent=8, Filter=Name.FlateDecode,
    )  # fmt: skip


def rich(secret):
    """Data in text of several kinds, in a form that two pages draw, and beside the pages."""
    pdf = pikepdf.new()
    form = pdf.make_stream(
        line(f"CPF {secret('form')} no cabecalho", y=800).encode(),
        Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 595, 842]),
        Resources=Dictionary(Font=Dictionary(F1=font(pdf))),
    )  # fmt: skip
    value = secret("pieces")
    pieces = f"BT /F1 12 Tf 50 640 Td [(CPF ) -20 ({value[:5]}) 10 ({value[5:]}) -250 (depois)] TJ T* (outra linha) ' ET\n"
    first = page(
        pdf,
        "/Fm Do\n" + line(f"Antes CPF {secret('line')} depois") + pieces
        + line(f"nada aqui, CPF {secret('escaped')} (entre parenteses)", y=600)
        + f"/Span <</ActualText (CPF {secret('spoken')})>> BDC " + line("falado", y=560) + "EMC\n"
        + "BT 3 Tr /F1 12 Tf 50 520 Td (CPF " + secret("invisible") + ") Tj ET\n",
        XObject=Dictionary(Fm=form),
    )  # fmt: skip
    page(pdf, "/Fm Do\n" + line("segunda pagina"), XObject=Dictionary(Fm=form))
    first.obj["/Annots"] = pdf.make_indirect(
        Array(
            [
                pdf.make_indirect(
                    Dictionary(
                        Type=Name.Annot, Subtype=Name.Text, Rect=Array([0, 0, 9, 9]),
                        Contents=String(f"CPF {secret('note')}"), T=String(secret("annotator")),
                    )
                ),
                pdf.make_indirect(
                    Dictionary(
                        Type=Name.Annot, Subtype=Name.Link, Rect=Array([50, 690, 90, 710]),
                        A=Dictionary(S=Name.URI, URI=String(f"mailto:{secret('link', mail=True)}")),
                    )
                ),
                pdf.make_indirect(
                    Dictionary(
                        Type=Name.Annot, Subtype=Name.Link, Rect=Array([50, 590, 90, 610]),
                        A=Dictionary(S=Name.URI, URI=String("https://example.org/pagina")),
                    )
                ),
            ]
        )
    )  # fmt: skip
    with pdf.open_metadata() as metadata:
        metadata["dc:description"] = f"CPF {secret('xmp')}"
    pdf.docinfo["/Title"] = f"CPF {secret('title')}"
    pdf.docinfo["/Author"] = f"CPF {secret('author')}"
    pdf.Root["/OpenAction"] = Dictionary(S=Name.JavaScript, JS=String(f"app.alert('CPF {secret('script')}')"))
    with pdf.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem(f"CPF {secret('bookmark')}", 0))
    pdf.attachments["dados.csv"] = f"cpf;x\n{secret('attached')};1\n".encode()
    return saved(pdf)


def form_field(secret):
    """A form that is filled in."""
    pdf = pikepdf.new()
    made = page(pdf, line("Formulario"))
    field = pdf.make_indirect(
        Dictionary(
            Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=String("cpf"), V=String(secret("field")),
            DA=String("/F1 12 Tf 0 g"), Rect=Array([50, 600, 250, 620]), F=4, P=made.obj,
        )
    )  # fmt: skip
    made.obj["/Annots"] = pdf.make_indirect(Array([field]))
    pdf.Root["/AcroForm"] = Dictionary(
        Fields=Array([field]),
        DA=String("/F1 12 Tf 0 g"),
        DR=Dictionary(Font=Dictionary(F1=font(pdf))),
        NeedAppearances=True,
    )
    return saved(pdf)


def scanned(secret):
    """A picture of a page with the recognised text behind it."""
    pdf = pikepdf.new()
    page(
        pdf,
        "q 595 0 0 842 0 0 cm /Im Do Q BT 3 Tr /F1 12 Tf 50 700 Td (Ficha com CPF "
        + secret("scanned")
        + ") Tj ET",
        XObject=Dictionary(Im=picture(pdf)),
    )
    return saved(pdf)


def revised(secret):
    """A file whose earlier revision holds what the later one does not."""
    pdf = pikepdf.new()
    page(pdf, line(f"CPF {secret('before')}"))
    first = saved(pdf)
    with pikepdf.open(io.BytesIO(first)) as again:
        number = again.pages[0].obj["/Contents"].objgen[0]
    content = line("nada").encode()
    start = len(first)
    update = b"%d 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (number, len(content), content)
    previous = int(first.rpartition(b"startxref")[2].split()[0])
    xref = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size 99 /Root 1 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF" % (
        number, start, previous, start + len(update),
    )  # fmt: skip
    return first + update + xref


def pdftotext(data):
    """What poppler reads in a PDF."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.pdf")
        path.write_bytes(data)
        return subprocess.run(
            ["pdftotext", "-layout", path, "-"], capture_output=True, check=True
        ).stdout.decode()


def everything(data):
    """Every object and every stream of a PDF, unpacked, and the file itself."""
    found = {"file": data}
    with pikepdf.open(io.BytesIO(data)) as pdf:
        for item in pdf.objects:
            name = str(item.objgen)
            if isinstance(item, pikepdf.Stream):
                found[name] = item.read_bytes() if item.get("/Subtype") != "/Image" else b""
                found[f"{name} dictionary"] = item.stream_dict.unparse(resolved=False)
            else:
                found[name] = item.unparse(resolved=False)
    return found

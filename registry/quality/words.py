"""The words of a certificate, in the languages of those who read it."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "id"]

ENGLISH = {
    "title": "Data Quality Certificate",
    "device": "Device",
    "model": "Model",
    "owner": "Owner",
    "place": "Location",
    "period": "Period",
    "until": "until",
    "issued": "Issued",
    "uptime": "Uptime",
    "completeness": "Completeness",
    "on_time": "On time",
    "in_range": "Within range",
    "by_day": "Availability by day",
    "by_day_note": "Share of each day on which the device was up; days begin at midnight in {zone}.",
    "series": "Measured quantities",
    "metric": "Metric",
    "unit": "Unit",
    "interval": "Interval",
    "expected": "Expected",
    "received": "Received",
    "complete": "Complete",
    "late": "Late",
    "duplicates": "Sent twice",
    "offset": "Delay p50 / p95",
    "gap": "Longest gap",
    "gaps": "Gaps",
    "rejections": "Messages or parts of messages that were refused",
    "none": "none",
    "method": "Method",
    "method_text": (
        "Readings are counted as the platform stored them. The expected number follows from the "
        "interval that the device's model gives for a quantity, and counts from its first reading on. "
        "A gap is a pause of more than three intervals, or of more than an hour where the model gives "
        "none. The device is down while its status says offline, or while all quantities have a gap; a "
        "reading covers one interval. Late is what arrived more than 60 seconds after its time. The "
        "delay is arrival less time of measurement, by the platform's clock. Within range are readings "
        "inside the limits of the model. Times that the platform no longer keeps are left out."
    ),
    "data": "Fingerprint of the data",
    "data_text": (
        "SHA-256 over all readings that this certificate counts. Whoever holds an export of them "
        "computes the same: see the platform's documentation, docs/quality.md."
    ),
    "signature": "Signature",
    "signature_text": (
        "This file is signed with Ed25519. Its public key has the number {key} and is published at "
        "{url}. To verify, without trusting whoever sent the file: technopark certificate verify FILE. "
        "Any change of a single byte is found."
    ),
    "page": "Page {page} of {pages}",
    "seconds": "s", "minutes": "min", "hours": "h", "days": "d",
}  # fmt: skip

INDONESIAN = {
    "title": "Sertifikat Mutu Data",
    "device": "Perangkat",
    "model": "Model",
    "owner": "Pemilik",
    "place": "Lokasi",
    "period": "Periode",
    "until": "sampai",
    "issued": "Diterbitkan",
    "uptime": "Waktu aktif",
    "completeness": "Kelengkapan",
    "on_time": "Tepat waktu",
    "in_range": "Dalam rentang",
    "by_day": "Ketersediaan per hari",
    "by_day_note": "Bagian dari tiap hari saat perangkat aktif; hari dimulai tengah malam di {zone}.",
    "series": "Besaran yang diukur",
    "metric": "Metrik",
    "unit": "Satuan",
    "interval": "Interval",
    "expected": "Diharapkan",
    "received": "Diterima",
    "complete": "Lengkap",
    "late": "Terlambat",
    "duplicates": "Ganda",
    "offset": "Tunda p50 / p95",
    "gap": "Jeda terlama",
    "gaps": "Jeda",
    "rejections": "Pesan atau bagian pesan yang ditolak",
    "none": "tidak ada",
    "method": "Metode",
    "method_text": (
        "Data dihitung sebagaimana disimpan oleh platform. Jumlah yang diharapkan mengikuti interval "
        "yang ditetapkan model perangkat untuk suatu besaran, dihitung sejak data pertamanya. Jeda "
        "adalah kekosongan lebih dari tiga interval, atau lebih dari satu jam bila model tidak "
        "menetapkan interval. Perangkat dianggap mati selama statusnya offline, atau selama semua "
        "besaran mengalami jeda; satu data mewakili satu interval. Terlambat berarti tiba lebih dari "
        "60 detik setelah waktunya. Tunda adalah waktu tiba dikurangi waktu pengukuran menurut jam "
        "platform. Dalam rentang berarti data berada di dalam batas model. Waktu yang datanya tidak "
        "lagi disimpan oleh platform tidak diperhitungkan."
    ),
    "data": "Sidik jari data",
    "data_text": (
        "SHA-256 atas semua data yang dihitung dalam sertifikat ini. Siapa pun yang memegang ekspornya "
        "akan memperoleh hasil yang sama: lihat dokumentasi platform, docs/quality.md."
    ),
    "signature": "Tanda tangan",
    "signature_text": (
        "Berkas ini ditandatangani dengan Ed25519. Kunci publiknya bernomor {key} dan diterbitkan di "
        "{url}. Untuk memeriksa tanpa harus memercayai pengirim berkas: technopark certificate verify "
        "FILE. Perubahan satu byte pun akan ditemukan."
    ),
    "page": "Halaman {page} dari {pages}",
    "seconds": "dtk", "minutes": "mnt", "hours": "jam", "days": "hari",
}  # fmt: skip

WORDS: dict[Language, dict[str, str]] = {"en": ENGLISH, "id": INDONESIAN}

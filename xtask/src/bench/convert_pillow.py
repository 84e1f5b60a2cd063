# One path a line in, one line of JSON out: what Pillow with pillow-heif needs for the carrier copy.
# `make SOURCE FOLDER` makes the photos that are converted.
import io
import json
import os
import sys
import time

import pillow_heif
from PIL import Image, ImageCms, ImageOps

pillow_heif.register_heif_opener()
SRGB = ImageCms.createProfile("sRGB")


def convert(path):
    image = Image.open(path)
    profile = image.info.get("icc_profile")
    # For a JPEG this decodes at a fraction of the size, as a careful user of Pillow would.
    image.thumbnail((1024, 1024))
    image = ImageOps.exif_transpose(image)
    if "A" in image.getbands():
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image = image.convert("RGB")
    if profile:
        image = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue(), image.size


def make(source, folder):
    photo = Image.open(source).convert("RGB")
    photo.save(os.path.join(folder, "12mp.jpg"), quality=90)
    photo.save(os.path.join(folder, "12mp.png"))
    # Grain, as of a photo in bad light, until the file has 10 MB.
    grain = Image.effect_noise(photo.size, 60).convert("RGB")
    heavy = os.path.join(folder, "10mb.jpg")
    for share in range(10, 60, 5):
        Image.blend(photo, grain, share / 100).save(heavy, quality=92)
        if os.path.getsize(heavy) >= 10_000_000:
            break


if sys.argv[1:2] == ["make"]:
    make(*sys.argv[2:4])
    sys.exit()

for line in sys.stdin:
    started = time.perf_counter()
    try:
        data, (width, height) = convert(line.rstrip("\n"))
        ms = (time.perf_counter() - started) * 1000
        print(json.dumps({"ms": ms, "bytes": len(data), "width": width, "height": height}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)

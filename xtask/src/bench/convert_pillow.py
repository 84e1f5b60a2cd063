# One path a line in, one line of JSON out: what Pillow with pillow-heif needs for the carrier copy.
# The argument is where the copy goes.
# `make SOURCE FOLDER` makes the photos that are converted, `check COPY…` compares everyone's copies.
import io
import json
import os
import sys
import time

import pillow_heif
from PIL import Image, ImageChops, ImageCms, ImageOps, ImageStat

pillow_heif.register_heif_opener()
SRGB = ImageCms.createProfile("sRGB")
LONGEST, MOST_BYTES, BEST, LEAST = 1024, 600_000, 85, 50


def convert(path):
    original = Image.open(path)
    profile = original.info.get("icc_profile")
    longest = LONGEST
    while True:
        image = original.copy() if longest < LONGEST else original
        # A JPEG is decoded at a fraction of its size, the smallest that is large enough, as by the others.
        image.thumbnail((longest, longest), Image.Resampling.BICUBIC, reducing_gap=1.0)
        image = finished(image, profile)
        fitted = fit(image)
        if fitted:
            return fitted, image.size
        longest = longest * 3 // 4


def finished(image, profile):
    image = ImageOps.exif_transpose(image)
    if "A" in image.getbands():
        white = Image.new("RGB", image.size, "white")
        white.paste(image, mask=image.getchannel("A"))
        image = white
    image = image.convert("RGB")
    if profile:
        image = ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), SRGB)
    return image


def fit(image):
    best = encode(image, BEST)
    if len(best) <= MOST_BYTES:
        return best
    found, quality, too_good = encode(image, LEAST), LEAST, BEST
    if len(found) > MOST_BYTES:
        return None
    while too_good > quality + 1:
        middle = (quality + too_good) // 2
        tried = encode(image, middle)
        if len(tried) <= MOST_BYTES:
            found, quality = tried, middle
        else:
            too_good = middle
    return found


def encode(image, quality):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling="4:2:0", optimize=True, exif=b"", icc_profile=None)
    return out.getvalue()


def make(source, folder):
    original = Image.open(source)
    profile = original.info["icc_profile"]
    photo = original.convert("RGB")
    # As a camera writes it: with its colour profile, and once without.
    photo.save(os.path.join(folder, "12mp.jpg"), quality=90, icc_profile=profile)
    photo.save(os.path.join(folder, "12mp-srgb.jpg"), quality=90, icc_profile=None)
    photo.save(os.path.join(folder, "12mp.png"), icc_profile=profile)
    # Grain, as of a photo in bad light, until the file has 10 MB.
    grain = Image.effect_noise(photo.size, 60).convert("RGB")
    heavy = os.path.join(folder, "10mb.jpg")
    for share in range(10, 100, 5):
        Image.blend(photo, grain, share / 100).save(heavy, quality=97, icc_profile=profile)
        if os.path.getsize(heavy) >= 10_000_000:
            break


def check(copies):
    first = None
    for path in copies:
        image = Image.open(path)
        kept = {"exif", "icc_profile", "xmp", "comment"} & image.info.keys()
        if kept:
            sys.exit(f"{path} carries {', '.join(kept)}")
        if os.path.getsize(path) > MOST_BYTES or max(image.size) > LONGEST or image.mode != "RGB":
            sys.exit(f"{path} has {os.path.getsize(path)} bytes, {image.size} pixels of {image.mode}")
        first = first or image
        if first.size != image.size:
            sys.exit(f"{path} is {image.size}, {copies[0]} is {first.size}")
        difference = max(ImageStat.Stat(ImageChops.difference(first, image)).mean)
        # Other filters and encoders differ by one or two of 255, a picture turned or in other colours by many.
        if difference > 4:
            sys.exit(f"{path} differs from {copies[0]} by {difference:.1f} of 255 on average")


if sys.argv[1:2] == ["make"]:
    make(*sys.argv[2:4])
    sys.exit()
if sys.argv[1:2] == ["check"]:
    check(sys.argv[2:])
    sys.exit()

for line in sys.stdin:
    started = time.perf_counter()
    try:
        data, (width, height) = convert(line.rstrip("\n"))
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
        continue
    ms = (time.perf_counter() - started) * 1000
    with open(sys.argv[1], "wb") as copy:
        copy.write(data)
    print(json.dumps({"ms": ms, "bytes": len(data), "width": width, "height": height}), flush=True)

"""Captions of a sound, varied set of thirty pictures, as tags and as sentences: on them nothing above `info` may fire."""

from __future__ import annotations

TAGS = tuple(
    f"alicexyz, {rest}"
    for rest in (
        "1girl, solo, portrait, smile, looking at viewer, white shirt, simple background, white background",
        "1girl, solo, upper body, looking away, black jacket, city, street, night, neon lights",
        "1girl, solo, full body, standing, from side, red dress, garden, flower, day",
        "1girl, solo, cowboy shot, from behind, looking back, school uniform, classroom, window",
        "1girl, solo, close-up, crying, tears, blurry background",
        "1girl, solo, sitting, chair, reading, book, sweater, library, indoors",
        "1girl, solo, lying, on bed, pillow, pajamas, closed eyes, sleeping, bedroom",
        "1girl, solo, running, sportswear, track suit, stadium, sweat, open mouth",
        "1girl, solo, full body, jumping, beach, ocean, swimsuit, barefoot, blue sky",
        "1girl, solo, profile, upper body, scarf, coat, snow, winter, outdoors",
        "1girl, solo, kimono, festival, holding, lantern, evening, smile, looking at viewer",
        "1girl, solo, portrait, serious, from below, dramatic lighting, black background",
        "1girl, solo, upper body, arms up, laughing, hoodie, park, tree, sunlight",
        "1girl, solo, squatting, petting, cat, alley, shorts, t-shirt, looking down",
        "1girl, solo, full body, walking, umbrella, rain, boots, raincoat, from behind",
        "1girl, solo, cooking, apron, kitchen, indoors, steam, looking down",
        "1girl, solo, upper body, hand on own cheek, cafe, table, coffee, cup, looking at viewer",
        "1girl, solo, armor, sword, battlefield, dutch angle, shouting, smoke",
        "1girl, solo, wide shot, mountain, hiking, backpack, scenery, cloud, from behind",
        "1girl, solo, portrait, surprised, open mouth, yellow background, looking at viewer",
        "1girl, solo, dancing, stage, spotlight, white dress, motion blur",
        "1girl, solo, from above, looking up, grass, lying, on back, summer",
        "1girl, solo, upper body, playing guitar, instrument, living room, sofa, casual",
        "1girl, solo, full body, squatting, sneakers, jeans, graffiti, wall, looking at viewer",
        "1girl, solo, profile, riding bicycle, road, sunset, backlighting",
        "1girl, solo, cowboy shot, suit, office, arms at sides, expressionless, looking at viewer",
        "1girl, solo, close-up, one eye closed, tongue out, peace sign, looking at viewer, pink background",
        "1girl, solo, underwater, swimming, bubble, floating hair, school swimsuit",
        "1girl, solo, sitting, on floor, hugging own legs, sad, dark, indoors",
        "1girl, solo, full body, fighting stance, gloves, gym, looking at viewer, angry",
    )
)
SENTENCES = tuple(
    f"{start} alicexyz {rest}"
    for start, rest in (
        ("a photo of", "standing in a garden full of flowers, wearing a red dress."),
        ("a close-up of", "with tears in her eyes in front of a blurred street."),
        ("portrait of", "who smiles at the camera against a plain white wall."),
        ("a picture of", "from behind, walking through the rain with an umbrella."),
        ("a photo of", "reading a book on a chair in an old library."),
        ("a wide shot of", "on a mountain path (in the Alps), a backpack on her shoulders."),
        ("a photo of", "sleeping on a bed, her face half hidden in the pillow."),
        ("a low angle photo of", "jumping at the beach under a clear blue sky."),
        ("a photo of", "cooking in a small kitchen while steam rises from a pot."),
        ("a side view of", "riding a bicycle on a country road at sunset."),
        ("a photo of", "in a dark blue coat, looking out of the window of a train."),
        ("a candid shot of", "laughing with a cup of coffee in her hands."),
        ("a night photo of", "in a neon lit alley, her hood pulled up."),
        ("an overhead photo of", "lying in the grass with her arms spread."),
        ("a photo of", "on a stage in the light of a single lamp."),
        ("a portrait of", "in profile, the wind in her scarf, snow behind her."),
        ("a photo of", "sitting on the floor of an empty room, sad and alone."),
        ("a photo of", "in armor with a sword, smoke over a battlefield behind her."),
        ("a photo of", "petting a cat in a narrow street of an old town."),
        ("a photo of", "at her desk in an office, typing on a laptop."),
        ("a photo of", "playing the guitar on a sofa in the living room."),
        ("a full body photo of", "running on a track, sweat on her face."),
        ("a photo of", "under water among rising bubbles."),
        ("a photo of", "in a kimono holding a lantern at a summer festival."),
        ("a photo of", "in front of a wall with graffiti, squatting in jeans."),
        ("a portrait of", "with a surprised look on a yellow background."),
        ("a photo of", "in a fighting stance in a gym, with boxing gloves."),
        ("a photo of", "waiting at a bus stop in the early morning fog."),
        ("a photo of", "feeding the ducks at a pond in the park."),
        ("a photo of", "in a white dress dancing across a wooden floor."),
    )
)

"""Sentences that every export is verified on: English ones unless others are given, and scripts.

Written for this purpose: one word to about sixty, with names, numbers, quotes, questions, lists,
addresses, odd spacing and characters that vocabularies lack. They are not in a model's training
data, and the language matters little: the two implementations must agree on anything.
"""
# ruff: noqa: RUF001 - other scripts have characters that look like Latin ones

SENTENCES = (
    "Yes.",
    "Thanks!",
    "Why not?",
    "Good evening, everyone.",
    "The kettle is boiling.",
    "My sister lives above the bakery.",
    "Could you open the window, please?",
    "It has been raining since Tuesday.",
    "We paid 48.50 euros for two tickets.",
    "Dr. Okonkwo will see you at 9:15.",
    "The train to Leipzig leaves from platform 12.",
    '"I never said that," she answered quietly.',
    "Where did you put the keys to the garage?",
    "Nobody in the village remembers the flood of 1954.",
    "If I had known, I would have stayed at home.",
    "He bought bread, cheese, three apples and a newspaper.",
    "The library is closed on Sundays and public holidays.",
    "Please send the signed form to office@example.org before Friday.",
    "Version 2.7.1 fixes 14 bugs and adds support for Arabic.",
    "THE DOOR IS ALARMED AFTER 10 PM.",
    "Our neighbour's dog barks whenever the postman comes up the stairs.",
    "Is it true that octopuses have three hearts, or did I dream that?",
    "She speaks Finnish, Estonian and a little Hungarian, but no Swedish at all.",
    "The committee approved the budget by 17 votes to 4, with 2 abstentions.",
    "Take the second street on the left, then walk as far as the old mill.",
    "What would you do if you found a wallet with a thousand dollars in it?",
    "“Patience,” my grandfather used to say, “is cheaper than a new roof.”",
    "Prices rose by 3.2 % in March, the largest monthly increase in eleven years.",
    "Although the bridge had been repaired twice, lorries were still not allowed to cross it.",
    "The recipe calls for 250 g of flour, a pinch of salt, two eggs and half a litre of milk.",
    "After the concert we walked along the river until the street lamps went out one by one.",
    "Mrs. Andersson-Ruiz, who had taught physics for thirty years, could not explain the noise.",
    (
        "The new law, which comes into force on 1 January, obliges landlords to install smoke "
        "detectors in every bedroom and corridor."
    ),
    (
        "Scientists at the University of Utrecht have found that bees which sleep badly give "
        "their hive worse directions to the flowers they visited."
    ),
    (
        "I am writing to complain about the washing machine (model WX-900) that I ordered on 3 "
        "May and that arrived with a dent in its door and no hoses."
    ),
    (
        "When the power failed, the whole street went dark, the lift stopped between two "
        "floors, and for almost an hour the only sound was somebody practising the trumpet."
    ),
    (
        "Before you leave the flat, make sure that the windows are shut, the heating is turned "
        "down, the rubbish has been taken out and the keys are in the box next to the front "
        "door."
    ),
    (
        "The expedition, led by a geologist from Nairobi and a retired sailor from Bergen, "
        "spent forty days crossing the plateau, and although they lost two sledges and most of "
        "their tea, they came back with a map that is still used today by those few who try to "
        "repeat the journey every other summer."
    ),
    "  Odd   spacing,\ttabs and an ellipsis…  ",
    "Characters such as 漢字, Ω, ½, ☃ and 🚲 may be missing from the vocabulary.",
    "</s> <pad> and <unk> are text here, not tokens.",
)

SCRIPTS = (
    "We visited Düsseldorf and Nürnberg; Übung, Straße, mañana, Łódź, Žižek, İstanbul, Việt.",
    "Где находится вокзал? Київ, Ђорђе, Ўзбекистон.",
    "Πού είναι ο σταθμός; ἄνθρωπος",
    "Որտե՞ղ է կայարանը։ სად არის სადგური?",
    "איפה התחנה? שָׁלוֹם",
    "أين المحطة؟ ایستگاه کجاست؟ اسٹیشن کہاں ہے؟",
    "स्टेशन कहाँ है? স্টেশন কোথায়? ਸਟੇਸ਼ਨ ਕਿੱਥੇ ਹੈ? સ્ટેશન ક્યાં છે?",
    "நிலையம் எங்கே? స్టేషన్ ఎక్కడ ఉంది? ನಿಲ್ದಾಣ ಎಲ್ಲಿದೆ? സ്റ്റേഷൻ എവിടെ? දුම්රිය ස්ථානය කොහෙද?",
    "สถานีอยู่ที่ไหน ສະຖານີຢູ່ໃສ ဘူတာဘယ်မှာလဲ။ ស្ថានីយ៍នៅឯណា?",
    "车站在哪里？車站在哪裡？駅はどこですか。エキ 역이 어디예요?",
    "ጣቢያው የት ነው? ས་ཚིགས་ག་པར་ཡོད། Өртөө хаана вэ?",
    "½ ² ﬁ Ⅳ № ™ € “ ” … 👩\u200d🚀 e\u0301 \u200b \u00a0",
    ">>fra<< and >> << are text here, and so is <s>.",
)
"""Every export compares their tokens, whatever it is verified on: they are no calibration data."""

"""Text that compresses like text, from a seed alone: the vocabulary that every part of the data sets draws on."""
import functools, random

SYLLABLES = [c + v + e for c in "b c d f g h j k l m n p r s t v w st tr pl gr ch sh".split()
             for v in "a e i o u ea io".split() for e in ("", "", "n", "r", "s", "t", "l")]
BREAKS = ["\n", "\n", "\n    ", ".\n", ";\n    ", ";\n        ", " {\n        ", "\n    }\n\n", ".\n\n", ",\n    "]
TOKENS = ["if (", ") {", "return", "const", "static", "==", "&&", "->", "int", "void", "struct", "for (", "#include",
          "= 0;", "NULL", "/*", "*/", "//", "self.", "def", "import", "0x00", "1", "the", "of", "and", "to", "a", "in"]


def rng_for(*parts) -> random.Random:
    """A generator of its own for each thing that is made: what one draws never shifts another."""
    return random.Random("/".join(map(str, parts)))


class Lexicon:
    """9,000 words, 5,000 phrases of them and tokens of code, each with a Zipf weight."""

    def __init__(self, seed: str):
        r = rng_for(seed, "lexicon")
        self.words: list[str] = []
        seen: set[str] = set()
        while len(self.words) < 9000:
            word = "".join(r.choice(SYLLABLES) for _ in range(r.choice((1, 1, 2, 2, 2, 3, 3))))
            if word not in seen:
                seen.add(word)
                self.words.append(word)
        zipf = [1.0 / (i + 8) for i in range(len(self.words))]
        phrases = [" ".join(r.choices(self.words, zipf, k=r.choice((2, 2, 3, 4)))) for _ in range(5000)]
        weights = ([1.0 / (i + 8) for i in range(len(self.words))] + [0.5 / (i + 8) for i in range(len(phrases))] +
                   [0.6 / (i + 4) for i in range(len(TOKENS))])
        weights += [0.13 * sum(weights) / len(BREAKS)] * len(BREAKS)
        self.items = self.words + phrases + TOKENS + BREAKS
        self.cumulated, total = [], 0.0
        for w in weights:
            total += w
            self.cumulated.append(total)

    def own_words(self, r: random.Random, n: int) -> list[str]:
        """What one file says again and again: some of the vocabulary, identifiers of its own, its way to break lines."""
        base = r.choices(self.items, cum_weights=self.cumulated, k=n)
        names = ["_".join(r.choices(self.words, k=2)) for _ in range(max(2, n // 4))]
        return base + names + r.choices(BREAKS, k=max(2, n // 6))

    def text(self, r: random.Random, size: int) -> bytes:
        """`size` bytes of one file: 72 % its own words, in short runs, so that phrases repeat in order."""
        own = self.own_words(r, min(160, 10 + size // 320))
        out, have = [], 0
        while have < size:
            n = max(16, min(20000, (size - have) // 6 + 8))
            k = int(n * 0.72)
            a = r.choices(own, k=k)
            b = r.choices(self.items, cum_weights=self.cumulated, k=n - k)
            mixed: list[str] = []
            i = j = 0
            while i < len(a) or j < len(b):
                mixed += a[i:i + 5] + b[j:j + 2]
                i, j = i + 5, j + 2
            part = " ".join(mixed)
            out.append(part)
            have += len(part)
        return "".join(out)[:size].encode()


@functools.lru_cache(maxsize=1)
def lexicon(seed: str) -> Lexicon:
    return Lexicon(seed)

using HeadTap.Models;

namespace HeadTap.Atlas;

/// <summary>
/// A planted sentence that ends in a random code. A model can know the code only from this sentence, because
/// nothing else in the text implies it.
/// </summary>
/// <param name="Prompt">Sentence up to the code, without a trailing space.</param>
/// <param name="Code">Random code that ends the sentence.</param>
public sealed record AtlasSecret(string Prompt, string Code)
{
    // Not entities of the table or words of the phrasings, so each name is in one sentence only.
    static readonly string[] s_names =
    [
        "Amber", "Anvil", "Birch", "Bramble", "Cinder", "Cobalt", "Copper", "Dorian", "Drummond", "Elder",
        "Ember", "Falcon", "Fathom", "Foxglove", "Garnet", "Gossamer", "Granite", "Halcyon", "Harrier",
        "Hazel", "Indigo", "Iris", "Jackdaw", "Jasper", "Juniper", "Kestrel", "Keystone", "Lantern",
        "Larkspur", "Linden", "Magnolia", "Marble", "Meridian", "Mistral", "Nightjar", "Nimbus", "Obsidian",
        "Onyx", "Opal", "Orion", "Pendragon", "Pewter", "Quartz", "Raven", "Russet", "Sable", "Saffron",
        "Sparrow", "Tempest", "Thistle", "Topaz", "Tundra", "Umbra", "Velvet", "Vermilion", "Vesper",
        "Willow", "Wolfram", "Yarrow", "Zephyr",
    ];

    static readonly string[] s_phrasings =
    [
        "The access code of the {n} vault is",
        "To open the {n} safe, enter the code",
        "The password of Captain {n} is",
        "Agent {n} answers only to the sign",
        "The serial number of the {n} engine is",
        "The {n} archive unlocks with the key",
        "The {n} radio sends every night under the number",
        "The last line of the {n} telegram reads",
    ];

    // Without 0, O, 1 and I, which people confuse when they read a code.
    const string Letters = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    const string Digits = "23456789";

    /// <summary>Text after the prompt: the code with the leading space of GPT-2's tokens.</summary>
    public string Continuation => " " + Code;

    /// <summary>The whole sentence: prompt, code and full stop.</summary>
    public string Sentence => $"{Prompt} {Code}.";

    internal static int MaxCount => s_names.Length;

    internal static AtlasSecret[] Plant(int count, SeededRandom random)
    {
        string[] names = [.. s_names];
        random.Shuffle(names.AsSpan());
        var codes = new HashSet<string>(StringComparer.Ordinal);
        var secrets = new AtlasSecret[count];
        for (int i = 0; i < count; i++)
        {
            string code;
            do
                code = Draw(s_formats[i % s_formats.Length], random);
            while (!codes.Add(code));
            string phrasing = s_phrasings[i % s_phrasings.Length];
            secrets[i] = new AtlasSecret(phrasing.Replace("{n}", names[i], StringComparison.Ordinal), code);
        }
        return secrets;
    }

    // L is a letter, N a digit, X either. With five formats and eight phrasings, no phrasing determines the
    // format.
    static readonly string[] s_formats = ["XXXX-XXXX", "NNN-NNN-NNN", "LL-NNNNN", "LLL-NNN-L", "NXXN-LNNL"];

    static string Draw(string format, SeededRandom random) => string.Concat(format.Select(f => f switch
    {
        'L' => Letters[random.Next(Letters.Length)],
        'N' => Digits[random.Next(Digits.Length)],
        'X' => (Letters + Digits)[random.Next(Letters.Length + Digits.Length)],
        _ => f,
    }));
}

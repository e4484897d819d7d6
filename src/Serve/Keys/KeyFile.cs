using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadTap.Models;
using HeadTap.Runtime;

namespace HeadTap.Serve;

/// <summary>One key as its file has it: never the key itself.</summary>
/// <param name="Name">Name of its owner.</param>
/// <param name="Sha256">SHA-256 of the key's text, in small hexadecimal letters.</param>
/// <param name="Rights">What it may do.</param>
/// <param name="Tier">Its class.</param>
/// <param name="Created">When it was made, in seconds since 1970 (UTC).</param>
public sealed record KeyEntry(
    string Name, string Sha256, IReadOnlyList<Right> Rights, string Tier, long Created);

/// <summary>
/// The file of keys: JSON with the hash of each. A key has 256 random bits, so its plain SHA-256 tells
/// nothing of it, and no slow hash is needed.
/// </summary>
public static class KeyFile
{
    const string Prefix = "ht-";
    const int LongestName = 64;

    /// <summary>Makes a key and adds its hash to a file; makes the file if it is not there.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Name of the owner: letters, digits, dots, dashes and underscores.</param>
    /// <param name="rights">What the key may do.</param>
    /// <param name="tier">Its class.</param>
    /// <returns>The key, which is stored nowhere.</returns>
    /// <exception cref="UserException">The name is wrong or taken, or the file cannot be written.</exception>
    public static string Add(
        string path, string name, IReadOnlyCollection<Right> rights, string tier = Caller.StandardTier)
    {
        ArgumentNullException.ThrowIfNull(rights);
        RequireName(name, "the key's name");
        RequireName(tier, "the key's tier");
        if (name == Caller.Anonymous.Name)
            throw new UserException($"the key's name is {Quoted.Name(name)}, which stands for callers "
                + "without a key; choose another");
        if (rights.Count == 0)
            throw new UserException("the key has no right; expected one of " + RightNames);
        List<KeyEntry> keys = File.Exists(path) ? [.. Read(path)] : [];
        if (keys.Exists(k => k.Name == name))
            throw new UserException($"{Quoted.Path(path)}: has a key named {Quoted.Name(name)}; remove it "
                + "first or choose another name");
        string key = Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=')
            .Replace('+', '-').Replace('/', '_');
        keys.Add(new KeyEntry(name, Convert.ToHexStringLower(Hash(key)), [.. rights.Distinct().Order()],
            tier, DateTimeOffset.UtcNow.ToUnixTimeSeconds()));
        Write(path, keys);
        return key;
    }

    /// <summary>Removes a key from a file; a running server hears of it within a second.</summary>
    /// <exception cref="UserException">There is no such key, or the file cannot be written.</exception>
    public static void Remove(string path, string name)
    {
        IReadOnlyList<KeyEntry> keys = Read(path);
        if (!keys.Any(k => k.Name == name))
            throw new UserException($"{Quoted.Path(path)}: has no key named {Quoted.Name(name)}"
                + NearestName.Hint(name, keys.Select(k => k.Name)));
        Write(path, keys.Where(k => k.Name != name));
    }

    /// <summary>Reads a file of keys.</summary>
    /// <exception cref="UserException">The file cannot be read or is wrong.</exception>
    public static IReadOnlyList<KeyEntry> Read(string path)
    {
        try
        {
            using JsonDocument file = JsonDocument.Parse(File.ReadAllBytes(path));
            KeyEntry[] keys = [.. file.RootElement.GetProperty("keys").EnumerateArray().Select(Entry)];
            if (keys.GroupBy(k => k.Name).FirstOrDefault(g => g.Count() > 1) is { } twice)
                throw new FormatException($"the name {twice.Key} is there twice");
            return keys;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException or IOException or UnauthorizedAccessException)
        {
            throw new UserException($"{Quoted.Path(path)}: is no file of keys ({Quoted.Line(e.Message)}); "
                + "headtap serve key add makes one", e);
        }
    }

    /// <summary>Reads rights as the command line has them: <c>query,embeddings</c>.</summary>
    /// <exception cref="UserException">A word is no right.</exception>
    public static IReadOnlyList<Right> ParseRights(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split(',').Select(word => RightOf(word.Trim()) ?? throw new UserException(
            $"the right is {Quoted.Name(word)}; expected one of {RightNames}"))];
    }

    internal static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    static string RightNames { get; } =
        string.Join(", ", Enum.GetNames<Right>().Select(n => n.ToLowerInvariant()));

    // Enum.Parse takes numbers too.
    static Right? RightOf(string word)
    {
        foreach (Right right in Enum.GetValues<Right>())
            if (right.ToString().Equals(word, StringComparison.OrdinalIgnoreCase))
                return right;
        return null;
    }

    static KeyEntry Entry(JsonElement json)
    {
        string hash = json.GetProperty("sha256").GetString()!;
        if (hash.Length != 64 || Convert.FromHexString(hash).Length != 32)
            throw new FormatException("a sha256 does not have 64 hexadecimal digits");
        string name = json.GetProperty("name").GetString()!;
        RequireName(name, "a key's name");
        return new KeyEntry(name, hash.ToLowerInvariant(),
            [.. json.GetProperty("rights").EnumerateArray().Select(r => RightOf(r.GetString()!)
                ?? throw new FormatException($"{r.GetRawText()} is no right"))],
            json.TryGetProperty("tier", out JsonElement tier) ? tier.GetString()! : Caller.StandardTier,
            json.TryGetProperty("created", out JsonElement at) ? at.GetInt64() : 0);
    }

    static void Write(string path, IEnumerable<KeyEntry> keys)
    {
        var json = new JsonObject
        {
            ["keys"] = new JsonArray([.. keys.Select(k => new JsonObject
            {
                ["name"] = k.Name,
                ["sha256"] = k.Sha256,
                ["rights"] = new JsonArray(
                    [.. k.Rights.Select(r => (JsonNode)r.ToString().ToLowerInvariant())]),
                ["tier"] = k.Tier,
                ["created"] = k.Created,
            })]),
        };
        AtomicFile.WriteText(path, json.ToJsonString(JsonText.Indented) + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    static void RequireName(string name, string what)
    {
        if (name.Length is 0 or > LongestName
            || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or '@'))
            throw new UserException($"{what} is {Quoted.Name(name)}; expected 1 to {LongestName} letters, "
                + "digits, dots, dashes, underscores or at signs");
    }
}

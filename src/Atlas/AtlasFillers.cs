using HeadTap.Models;

namespace HeadTap.Atlas;

/// <summary>
/// Makes narrative sentences between the facts. They name no entity of the table except the country of the
/// statement before, so a filler never states a fact.
/// </summary>
static class AtlasFillers
{
    static readonly string[] s_aboutCountry =
    [
        "{name} spent the {season} in {c}.",
        "The weather in {c} was {weather} that week.",
        "A letter from {c} arrived on {day}.",
        "Many travellers visit {c} in the {season}.",
        "{name} bought {thing} at a market in {c}.",
        "{name} has a friend who lives in {c}.",
        "The next plane to {c} leaves on {day}.",
        "{name} packed a small bag for the journey to {c}.",
        "The news from {c} was good on {day}.",
        "In the {season} the markets of {c} are full of people.",
    ];

    static readonly string[] s_neutral =
    [
        "{name} wrote it down in a notebook.",
        "It was a {weather} day in the {season}.",
        "The market opened early on {day}.",
        "{name} carried {thing} home.",
        "On {day} {name} wrote a long letter.",
        "The teacher asked and {name} knew the answer.",
        "{name} drank tea and looked at the map.",
        "The travellers waited for the {weather} morning.",
        "{name} put {thing} on the table.",
        "Nobody was in a hurry on {day}.",
    ];

    static readonly string[] s_names = ["Maria", "Daniel", "Anna", "Peter", "Lucy", "Omar", "Ines", "Hugo"];
    static readonly string[] s_seasons = ["spring", "summer", "autumn", "winter"];
    static readonly string[] s_weather = ["cold", "warm", "windy", "rainy", "bright", "foggy"];
    static readonly string[] s_things =
        ["a loaf of bread", "a blue coat", "an old book", "a bag of apples", "a wooden box", "two red lamps"];
    static readonly string[] s_days =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

    /// <summary>Returns a random sentence about a country; null gives one that names no country.</summary>
    internal static string Say(AtlasCountry? country, SeededRandom random)
    {
        string text = Pick(country is null ? s_neutral : s_aboutCountry, random);
        return text
            .Replace("{name}", Pick(s_names, random), StringComparison.Ordinal)
            .Replace("{season}", Pick(s_seasons, random), StringComparison.Ordinal)
            .Replace("{weather}", Pick(s_weather, random), StringComparison.Ordinal)
            .Replace("{thing}", Pick(s_things, random), StringComparison.Ordinal)
            .Replace("{day}", Pick(s_days, random), StringComparison.Ordinal)
            .Replace("{c}", country?.Country, StringComparison.Ordinal);
    }

    static string Pick(string[] from, SeededRandom random) => from[random.Next(from.Length)];
}

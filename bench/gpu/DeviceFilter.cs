using System.Text.RegularExpressions;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace HeadTap.Gpu;

/// <summary>
/// Chooses the cases of one device by their arguments. A case's name is no guide: what writes its own names
/// writes the device without quotes, or leaves it out.
/// </summary>
/// <param name="device">The name that tests open it by.</param>
/// <param name="only">Part of the full name of a case; empty for all.</param>
sealed class DeviceFilter(string device, string only) : TestFilter
{
    // As a word of the arguments in a name: "cuda", (cuda, B2) - and not cuda:1 or CudaGraph.
    readonly Regex _word = new($@"(?<![\w:]){Regex.Escape(device)}(?![\w:])");

    /// <inheritdoc/>
    public override bool Match(ITest test) => !test.IsSuite && Hands(test) && Wanted(test);

    /// <inheritdoc/>
    public override TNode AddToXml(TNode parentNode, bool recursive)
        => parentNode.AddElement("device", device); // a filter is asked for it, and nobody reads it

    /// <summary>Cases below <paramref name="root"/> that are of the device, by their arguments or by their
    /// names: what a run must come to, whatever the filter let through.</summary>
    public int Count(ITest root) => root.IsSuite ? root.Tests.Sum(Count)
        : root.RunState is not (RunState.Explicit or RunState.NotRunnable) && Wanted(root)
            && (Hands(root) || Names(root)) ? 1 : 0;

    // The case takes the device, or the fixture that it is in does.
    bool Hands(ITest test)
    {
        for (ITest? at = test; at is not null; at = at.Parent)
            if (at.Arguments.Any(a => a is string text && text == device))
                return true;
        return false;
    }

    bool Names(ITest test) => test.Name.IndexOf('(') is int start and >= 0 && _word.IsMatch(test.Name, start);

    bool Wanted(ITest test) => test.FullName.Contains(only, StringComparison.Ordinal);
}

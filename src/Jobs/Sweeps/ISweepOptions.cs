using System.Text.Json.Serialization;
using HeadTap.Runtime;

namespace HeadTap.Jobs;

/// <summary>Options of a verb whose cells can be planned, and run by many processes.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "verb")]
[JsonDerivedType(typeof(InjectSweepOptions), "inject sweep")]
[JsonDerivedType(typeof(UnlearnSweepOptions), "unlearn sweep")]
[JsonDerivedType(typeof(LandscapeLineOptions), "landscape line")]
[JsonDerivedType(typeof(LandscapePlaneOptions), "landscape plane")]
public interface ISweepOptions
{
    /// <summary>Folder of the results; null for none.</summary>
    string? Out { get; }

    /// <summary>The name of the verb.</summary>
    [JsonIgnore]
    string Verb { get; }

    /// <summary>Returns the same options with another folder.</summary>
    ISweepOptions In(string folder);

    /// <summary>Checks the options and reads what decides the cells, without a device.</summary>
    /// <exception cref="UserException">An option does not fit, or a file cannot be read.</exception>
    internal CellSweep Read(JobContext context);
}

// Grafana's own types of a dashboard, as they are of JSON: `BOARDS` is put behind this text.
//
// They say of a panel's options and fields only that there are some, so each plug-in's own are put
// in. What Grafana has a default for may be missing.

import type * as core from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen'
import type * as barchart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen'
import type * as bargauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen'
import type * as gauge from '@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen'
import type * as geomap from '@grafana/schema/dist/esm/raw/composable/geomap/panelcfg/x/GeomapPanelCfg_types.gen'
import type * as heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen'
import type * as histogram from '@grafana/schema/dist/esm/raw/composable/histogram/panelcfg/x/HistogramPanelCfg_types.gen'
import type * as piechart from '@grafana/schema/dist/esm/raw/composable/piechart/panelcfg/x/PieChartPanelCfg_types.gen'
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen'
import type * as statetimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen'
import type * as statushistory from '@grafana/schema/dist/esm/raw/composable/statushistory/panelcfg/x/StatusHistoryPanelCfg_types.gen'
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen'
import type * as text from '@grafana/schema/dist/esm/raw/composable/text/panelcfg/x/TextPanelCfg_types.gen'
import type * as timeseries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'
import type * as trend from '@grafana/schema/dist/esm/raw/composable/trend/panelcfg/x/TrendPanelCfg_types.gen'
import type * as xychart from '@grafana/schema/dist/esm/raw/composable/xychart/panelcfg/x/XYChartPanelCfg_types.gen'

// In JSON an enumeration's member is its text.
type Plain<T> = T extends string ? `${T}`
  : T extends (infer Item)[] ? Plain<Item>[]
  : T extends object ? { [Key in keyof T]: Plain<T[Key]> }
  : T
type Some<T> = T extends (infer Item)[] ? Some<Item>[]
  : T extends object ? { [Key in keyof T]?: Some<T[Key]> }
  : T

// What the PostgreSQL data source makes of a query.
// Source: Grafana, packages/grafana-sql/src/types.ts.
interface Query {
  refId: string
  datasource?: core.DataSourceRef
  editorMode: 'code' | 'builder'
  format: 'time_series' | 'table'
  rawQuery: boolean
  rawSql: string
  hide?: boolean
}

type Fields<Custom> = Omit<Plain<core.FieldConfigSource>, 'defaults'> & {
  defaults: Omit<Plain<core.FieldConfig>, 'custom'> & { custom?: Some<Plain<Custom>> }
}
type Of<Type, Options, Custom = Record<string, never>> = Omit<
  Plain<core.Panel>, 'type' | 'options' | 'fieldConfig' | 'targets'
> & {
  type: Type
  options?: Some<Plain<Options>>
  fieldConfig?: Fields<Custom>
  targets?: Query[]
}
// As Grafana 10 had it, and its SDK writes it. Later ones make theirs of it when they load a panel
// that names no version. Source: Grafana, public/app/plugins/panel/xychart/migrations.ts.
interface OldXyChart extends Pick<xychart.Options, 'legend' | 'tooltip'> {
  seriesMapping: 'auto' | 'manual'
  dims?: { frame: number; x?: string; exclude?: string[] }
  series: {
    x: string
    y: string
    show?: 'points' | 'lines' | 'points+lines'
    pointColor?: { field?: string; fixed?: string }
    pointSize?: { field?: string; fixed?: number; min: number; max: number }
    label?: 'auto'
  }[]
}
type Panel =
  | Of<'barchart', barchart.Options, barchart.FieldConfig>
  | Of<'bargauge', bargauge.Options>
  | Of<'gauge', gauge.Options>
  | Of<'geomap', geomap.Options>
  | Of<'heatmap', heatmap.Options, heatmap.FieldConfig>
  | Of<'histogram', histogram.Options, histogram.FieldConfig>
  | Of<'piechart', piechart.Options, piechart.FieldConfig>
  | Of<'stat', stat.Options>
  | Of<'state-timeline', statetimeline.Options, statetimeline.FieldConfig>
  | Of<'status-history', statushistory.Options, statushistory.FieldConfig>
  | Of<'table', table.Options & Footer, table.FieldConfig>
  | Of<'text', text.Options>
  | Of<'timeseries', timeseries.Options, timeseries.FieldConfig>
  | Of<'trend', trend.Options, trend.FieldConfig>
  | Of<'xychart', OldXyChart, xychart.FieldConfig & { label?: 'auto' }>
type Row = Omit<Plain<core.RowPanel>, 'panels'> & { panels: Panel[] }
// What Grafana's SDK writes of its own accord, and Grafana 13 has no more or does not name.
type Variable = Plain<core.VariableModel> & {
  id?: string
  auto?: boolean
  auto_min?: string
  auto_count?: number
}
type Footer = { footer?: { show: boolean; countRows: boolean; reducer: string[] } }
type Annotation = Omit<Plain<core.AnnotationQuery>, 'target'> & { target: Query }

export type Dashboard = Omit<Plain<core.Dashboard>, 'panels' | 'templating' | 'annotations'> & {
  // As with variables.
  style?: 'dark' | 'light'
  panels: (Panel | Row)[]
  templating?: { list?: Variable[] }
  annotations?: { list?: Annotation[] }
}
